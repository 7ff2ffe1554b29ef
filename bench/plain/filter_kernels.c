/* SPDX-License-Identifier: Apache-2.0 */
#include "plain/levels.h"

#define BLOCK 128u
#define AHEAD 1024u

#define ASK(p) __builtin_prefetch((const void *)(p))

uint64_t MR_PLAIN_NAME(mr_plain_severe)(const uint8_t *severity, uint64_t rows) {
  uint64_t cnt = 0, i = 0;
  for (; i + BLOCK <= rows; i += BLOCK) {
    uint8_t sum = 0; /* at most BLOCK */
    ASK(severity + i + AHEAD);
    ASK(severity + i + AHEAD + 64);
    for (uint32_t k = 0; k < BLOCK; k++) {
      uint8_t s = severity[i + k];
      sum = (uint8_t)(sum + (uint8_t)((s == 2) | (s == 3)));
    }
    cnt += sum;
  }
  for (; i < rows; i++) cnt += severity[i] == 2 || severity[i] == 3;
  return cnt;
}

uint64_t MR_PLAIN_NAME(mr_plain_between)(const int64_t *key, const int64_t *value, uint64_t rows) {
  uint64_t cnt = 0;
  for (uint64_t i = 0; i < rows; i++) {
    if (i % 8 == 0) {
      ASK(key + i + AHEAD);
      ASK(value + i + AHEAD);
    }
    cnt += (uint64_t)((value[i] >= -500000) & (value[i] <= 500000) & (key[i] > 0));
  }
  return cnt;
}
