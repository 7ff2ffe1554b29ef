/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cpu.h"

#include <stdint.h>
#include <string.h>

#include "base/error.h"

#if defined(__x86_64__)
#include <cpuid.h>

static uint64_t read_xcr0(void) {
  uint32_t lo, hi;
  __asm__ __volatile__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
  return ((uint64_t)hi << 32) | lo;
}

#define HAS(word, bit) (((word) >> (bit)) & 1u)

enum mr_isa mr_isa_detect(void) {
  uint32_t a, b, c, d, leaf1, leaf7, ext;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return MR_ISA_V2;
  leaf1 = c;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return MR_ISA_V2;
  leaf7 = b;
  if (!__get_cpuid(0x80000001u, &a, &b, &c, &d)) return MR_ISA_V2;
  ext = c;
  /* fma, movbe, osxsave, avx, f16c; bmi1, avx2, bmi2; lzcnt; and the system saves ymm */
  uint32_t v3 = HAS(leaf1, 12) & HAS(leaf1, 22) & HAS(leaf1, 27) & HAS(leaf1, 28) & HAS(leaf1, 29) &
                HAS(leaf7, 3) & HAS(leaf7, 5) & HAS(leaf7, 8) & HAS(ext, 5);
  if (!v3 || (read_xcr0() & 6) != 6) return MR_ISA_V2;
  /* avx512 f, dq, cd, bw, vl; and the system saves zmm and masks */
  uint32_t v4 = HAS(leaf7, 16) & HAS(leaf7, 17) & HAS(leaf7, 28) & HAS(leaf7, 30) & HAS(leaf7, 31);
  return v4 && (read_xcr0() & 0xe6) == 0xe6 ? MR_ISA_V4 : MR_ISA_V3;
}
#else
enum mr_isa mr_isa_detect(void) {
  return MR_ISA_V2;
}
#endif

const char *mr_isa_name(enum mr_isa isa) {
  switch (isa) {
  case MR_ISA_V4: return "v4";
  case MR_ISA_V3: return "v3";
  default: return "v2";
  }
}

int mr_isa_pick(const char *want, enum mr_isa *out) {
  enum mr_isa have = mr_isa_detect();
  if (!want || !*want || strcmp(want, "auto") == 0) {
    *out = have;
    return MR_OK;
  }
  for (int i = MR_ISA_V2; i < MR_ISA_CNT; i++) {
    if (strcmp(want, mr_isa_name((enum mr_isa)i)) != 0) continue;
    if (i > (int)have) return MR_ERR_NOENT;
    *out = (enum mr_isa)i;
    return MR_OK;
  }
  return MR_ERR_ARG;
}
