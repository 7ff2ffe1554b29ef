/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOPIC_MURMUR2_H
#define MR_TOPIC_MURMUR2_H

/* Which partition a key belongs to, as Kafka's clients decide it: Austin Appleby's MurmurHash2 of
 * the key's bytes with their seed, made positive by clearing the highest bit. Any thread. */

#include <stddef.h>
#include <stdint.h>

uint32_t mr_murmur2(const void *data, size_t len);

static inline uint32_t mr_murmur2_partition(const void *key, size_t len, uint32_t partition_cnt) {
  return (mr_murmur2(key, len) & UINT32_C(0x7fffffff)) % partition_cnt;
}

#endif
