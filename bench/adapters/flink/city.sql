-- SPDX-License-Identifier: Apache-2.0
-- Without a pattern of its own, a JSON time with a Z is a TIMESTAMP_LTZ.
CREATE TABLE city_events (
  city STRING, severity STRING, event_type STRING, `timestamp` TIMESTAMP_LTZ(3)
) WITH (
  'connector' = 'filesystem', 'path' = '$INPUT', 'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601'
);
CREATE TABLE counts (
  window_start STRING, city STRING, event_type STRING, event_count BIGINT
) WITH ('connector' = 'filesystem', 'path' = '$OUTPUT', 'format' = 'json');
INSERT INTO counts
SELECT DATE_FORMAT(window_start, 'yyyy-MM-dd''T''HH:mm:ss''Z'''), city, event_type, COUNT(*)
FROM TABLE(TUMBLE(TABLE city_events, DESCRIPTOR(`timestamp`), INTERVAL '5' MINUTES))
WHERE severity IN ('high', 'critical')
GROUP BY window_start, window_end, city, event_type;
