/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_CRC32_H
#define MR_BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 (ISO-HDLC, as zip, gzip and Python's zlib.crc32 have it) of what came before, crc (0 at
 * the start), and len more bytes. About 1 GB/s. */
uint32_t mr_crc32(uint32_t crc, const void *bytes, size_t len);

#endif
