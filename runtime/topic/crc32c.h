/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOPIC_CRC32C_H
#define MR_TOPIC_CRC32C_H

/* CRC-32C (Castagnoli), the checksum of a record batch: ISA-L's, which uses the processor's
 * instructions where it has them and a table elsewhere. */

#include <stddef.h>
#include <stdint.h>

/* The checksum of len bytes that follow those of `crc`; 0 to begin. Any thread. */
uint32_t mr_crc32c(uint32_t crc, const void *data, size_t len);

#endif
