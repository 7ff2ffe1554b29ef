/* SPDX-License-Identifier: Apache-2.0 */
#include "state/kernels.h"

const struct mr_state_kernels *mr_state_kernels_v2(void);
const struct mr_state_kernels *mr_state_kernels_v3(void);
const struct mr_state_kernels *mr_state_kernels_v4(void);

const struct mr_state_kernels *mr_state_kernels_of(enum mr_isa isa) {
  switch (isa) {
  case MR_ISA_V4: return mr_state_kernels_v4();
  case MR_ISA_V3: return mr_state_kernels_v3();
  default: return mr_state_kernels_v2();
  }
}
