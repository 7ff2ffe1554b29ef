/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rng.h"

void mr_rng_init(struct mr_rng *rng, uint64_t seed) {
  for (uint64_t i = 0; i < 4; i++) rng->s[i] = mr_rng_at(seed, i);
}
