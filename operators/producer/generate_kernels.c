/* SPDX-License-Identifier: Apache-2.0 */
/* The loops of generate, compiled once per level (MR_ISA). */
#include "base/rng.h"
#include "producer/generate.h"

#define JOIN_(a, b) a##_##b
#define JOIN(a, b)  JOIN_(a, b)
#define GOLDEN      UINT64_C(0x9e3779b97f4a7c15)

/* mr_rng_at with its counter as a sum, which vectorises where there is a 64-bit multiplication. */
static void bits(uint64_t seed, uint64_t first, uint64_t *restrict out, uint32_t n) {
  uint64_t at = seed + (first + 1) * GOLDEN;
  for (uint32_t i = 0; i < n; i++) {
    uint64_t z = at + i * GOLDEN;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    out[i] = z ^ (z >> 31);
  }
}

static void high_i64(const uint64_t *restrict r, uint32_t m, int64_t *restrict out, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) out[i] = (int64_t)(((r[i] >> 32) * m) >> 32);
}

static void high_u8(const uint64_t *restrict r, uint32_t m, uint8_t *restrict out, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) out[i] = (uint8_t)(((r[i] >> 32) * m) >> 32);
}

static void low_u8(const uint64_t *restrict r, uint32_t m, uint8_t *restrict out, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) out[i] = (uint8_t)(((r[i] & UINT32_MAX) * m) >> 32);
}

static void field_u8(const uint64_t *restrict r, uint32_t shift, uint32_t mask,
                     uint8_t *restrict out, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) out[i] = (uint8_t)((r[i] >> shift) & mask);
}

static void ramp(int64_t first, int64_t step, int64_t *restrict out, uint32_t n) {
  uint64_t at = (uint64_t)first;
  for (uint32_t i = 0; i < n; i++) out[i] = (int64_t)(at + i * (uint64_t)step);
}

extern const struct mr_gen_kernels JOIN(mr_gen_kernels, MR_ISA);
const struct mr_gen_kernels JOIN(mr_gen_kernels, MR_ISA) = {
    .bits = bits,
    .high_i64 = high_i64,
    .high_u8 = high_u8,
    .low_u8 = low_u8,
    .field_u8 = field_u8,
    .ramp = ramp,
};
