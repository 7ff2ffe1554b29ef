/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of sensor telemetry, compiled once per level (MR_ISA). Only additions, multiplications,
 * divisions and square roots, in a fixed order: the same values on every machine. */
#include <math.h>

#include "producer/generate_fill.h"
#include "producer/generate_sensors.h"

mr_gen_fill_fn MR_GEN_ISA_NAME(mr_gen_sensors_fill);

/* Sine and cosine of 2 pi * turn / 2^32: the quarter turn that is nearest, then Taylor's series
 * over an eighth of a turn, which is good to the last digits of a double. */
static inline void turn_to(uint32_t turn, double *cosine, double *sine) {
  uint32_t shifted = turn + (1u << 29), quarter = shifted >> 30;
  double t = (unsigned_double(shifted & 0x3fffffff) - 536870911.5) * (1.5707963267948966 * 0x1p-30);
  double q = t * t;
  double s = -1.0 / 1307674368000;
  s = s * q + 1.0 / 6227020800;
  s = s * q - 1.0 / 39916800;
  s = s * q + 1.0 / 362880;
  s = s * q - 1.0 / 5040;
  s = s * q + 1.0 / 120;
  s = s * q - 1.0 / 6;
  s = s * q * t + t;
  double c = 1.0 / 20922789888000;
  c = c * q - 1.0 / 87178291200;
  c = c * q + 1.0 / 479001600;
  c = c * q - 1.0 / 3628800;
  c = c * q + 1.0 / 40320;
  c = c * q - 1.0 / 720;
  c = c * q + 1.0 / 24;
  c = c * q - 0.5;
  c = c * q + 1;
  double x = quarter & 1 ? s : c, y = quarter & 1 ? c : s;
  *cosine = quarter == 1 || quarter == 2 ? -x : x;
  *sine = quarter & 2 ? -y : y;
}

/* To the nearest whole number, halves to the even one; |x| below 2^51. */
static inline double nearest(double x) {
  return (x + 6755399441055744.0) - 6755399441055744.0;
}

/* 32 random bits as a number in (0, 1). */
static inline double open_unit(uint32_t bits) {
  return (unsigned_double(bits) + 0.5) * 0x1p-32;
}

static inline uint64_t share_of(double share) {
  return (uint64_t)(share * 0x1p32);
}

/* Temperature, vibration and, from both before they are rounded, the status. */
static void fill_readings(const struct mr_gen *gen, const struct mr_gen_block *b) {
  double spare[2][MR_GEN_BLOCK];
  uint64_t status[MR_GEN_BLOCK];
  const struct mr_gen_conf *conf = gen->conf;
  double *temperature = gen->cols[MR_SENSOR_TEMPERATURE];
  double *vibration = gen->cols[MR_SENSOR_VIBRATION];
  uint8_t *codes = gen->cols[MR_SENSOR_STATUS];
  double *restrict t_to = temperature ? temperature + b->at : spare[0];
  double *restrict v_to = vibration ? vibration + b->at : spare[1];
  const uint64_t *restrict normal = b->draws[MR_SENSOR_NORMAL];
  const uint64_t *restrict hot = b->draws[MR_SENSOR_HOT];
  const uint64_t *restrict shaken = b->draws[MR_SENSOR_SHAKEN];
  uint32_t n = b->n;
  uint64_t p_hot = share_of(conf->p_hot_given ? conf->p_hot : MR_SENSOR_P_HOT);
  uint64_t p_vib = share_of(conf->p_vib_given ? conf->p_vib : MR_SENSOR_P_VIB);
  for (uint32_t i = 0; i < n; i++) { /* Box and Muller's transformation */
    double x, y, r = sqrt(2 * neg_ln(open_unit(high_half(normal[i]))));
    turn_to(low_half(normal[i]), &x, &y);
    double t = 75 + 4 * (r * x), v = 0.12 + 0.05 * (r * y);
    v = v < 0.01 ? 0.01 : v;
    t = hot[i] >> 32 < p_hot ? 86 + 14 * open_unit(low_half(hot[i])) : t;
    v = shaken[i] >> 32 < p_vib ? 0.55 + 0.65 * open_unit(low_half(shaken[i])) : v;
    status[i] = (uint64_t)(t > 85) + (v > 0.5 ? 2u : 0u);
    t_to[i] = nearest(t * 100) / 100;
    v_to[i] = nearest(v * 1000) / 1000;
  }
  for (uint32_t i = 0; codes && i < n; i++) codes[b->at + i] = (uint8_t)status[i];
}

static void fill_places(const struct mr_gen *gen, const struct mr_gen_block *b) {
  uint8_t spare[2][MR_GEN_BLOCK];
  uint8_t *restrict site = codes_at(gen, b, MR_SENSOR_SITE, spare[0]);
  uint8_t *restrict line = codes_at(gen, b, MR_SENSOR_LINE, spare[1]);
  const uint64_t *restrict draws = b->draws[MR_SENSOR_KEY];
  uint32_t n = b->n;
  uint32_t sites = gen->schema->fields[MR_SENSOR_SITE].codes->cnt;
  uint32_t lines = gen->schema->fields[MR_SENSOR_LINE].codes->cnt;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t rest = low_half(draws[i]);
    site[i] = (uint8_t)take_below(&rest, sites);
    line[i] = (uint8_t)take_below(&rest, lines);
  }
}

uint32_t MR_GEN_ISA_NAME(mr_gen_sensors_fill)(const struct mr_gen *gen,
                                              const struct mr_gen_block *b) {
  if (gen->cols[MR_SENSOR_DEVICE]) {
    uint32_t idx[MR_GEN_BLOCK];
    fill_keys(gen, b->draws[MR_SENSOR_KEY], b->n, idx);
    fill_names(gen, b, MR_SENSOR_DEVICE, idx);
  }
  if (gen->cols[MR_SENSOR_SITE] || gen->cols[MR_SENSOR_LINE]) fill_places(gen, b);
  if (b->draws[MR_SENSOR_NORMAL]) fill_readings(gen, b);
  return 0;
}
