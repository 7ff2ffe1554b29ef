/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_PRODUCER_GENERATE_SENSORS_H
#define MR_PRODUCER_GENERATE_SENSORS_H

/* Sensor telemetry: what the columns are, and from which stream each is drawn. */

#define MR_SENSOR_DEVICES     25u
#define MR_SENSOR_DEVICES_MAX 100000u /* as many as have five digits */
#define MR_SENSOR_P_HOT       0.05
#define MR_SENSOR_P_VIB       0.05

/* Columns. */
enum {
  MR_SENSOR_DEVICE,
  MR_SENSOR_TS,
  MR_SENSOR_TEMPERATURE,
  MR_SENSOR_VIBRATION,
  MR_SENSOR_STATUS,
  MR_SENSOR_SITE,
  MR_SENSOR_LINE,
  MR_SENSOR_COLS
};

/* Streams. */
enum {
  MR_SENSOR_KEY,    /* device; site and line */
  MR_SENSOR_NORMAL, /* two independent normal numbers */
  MR_SENSOR_HOT,    /* whether the temperature is replaced, and by what */
  MR_SENSOR_SHAKEN, /* the same of vibration */
};

#endif
