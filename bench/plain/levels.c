/* SPDX-License-Identifier: Apache-2.0 */
#include "plain/levels.h"

#define PICK(fn, kernel, type)                                                                     \
  type *fn(enum mr_isa isa) {                                                                      \
    type *const by[MR_ISA_CNT] = {kernel##_v2, kernel##_v3, kernel##_v4};                          \
    return by[isa];                                                                                \
  }

PICK(mr_plain_city_fused, mr_plain_city_fused, mr_city_fn)
PICK(mr_plain_city_branchy, mr_plain_city_branchy, mr_city_fn)
PICK(mr_plain_city_compare, mr_plain_city_compare, mr_city_fn)
PICK(mr_plain_ysb_fused, mr_plain_ysb_fused, mr_ysb_fn)
PICK(mr_plain_ysb_branchy, mr_plain_ysb_branchy, mr_ysb_fn)
PICK(mr_plain_ysb_rows, mr_plain_ysb_rows, mr_ysb_fn)
PICK(mr_plain_severe, mr_plain_severe, mr_severe_fn)
PICK(mr_plain_between, mr_plain_between, mr_between_fn)
