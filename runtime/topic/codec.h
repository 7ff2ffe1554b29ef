/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOPIC_CODEC_H
#define MR_TOPIC_CODEC_H

/* How the records of a batch are packed. The numbers are those of Kafka's batch attributes, and so
 * are the forms: gzip members; snappy in xerial's frame (blocks of 32 KiB; a bare block is read,
 * too); lz4 frames with independent blocks; zstd frames. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum mr_codec {
  MR_CODEC_NONE,
  MR_CODEC_GZIP,
  MR_CODEC_SNAPPY,
  MR_CODEC_LZ4,
  MR_CODEC_ZSTD,
  MR_CODEC_CNT
};

/* A codec with the memory that it works in. One thread at a time. */
struct mr_codec_ctx;

/* Memory for packing with `codec`, and for unpacking all. Control plane. */
int mr_codec_create(struct mr_codec_ctx **ctx, enum mr_codec codec, struct mr_error *err);
void mr_codec_destroy(struct mr_codec_ctx *ctx);

/* Bytes that len bytes may take when they are packed. */
size_t mr_codec_bound(enum mr_codec codec, size_t len);

/* Packs len bytes into dst, which has mr_codec_bound bytes. Returns the packed size; the bytes do
 * not depend on what was packed before. MR_CODEC_NONE is not asked for. Allocates nothing (gzip:
 * zlib's, once). */
int64_t mr_codec_pack(struct mr_codec_ctx *ctx, void *dst, size_t dst_sz, const void *src,
                      size_t len);

/* Unpacks len bytes of any codec into dst. Returns the size, MR_ERR_LIMIT when it is more than
 * dst_sz, MR_ERR_DATA when they are not of that codec. */
int64_t mr_codec_unpack(struct mr_codec_ctx *ctx, enum mr_codec codec, void *dst, size_t dst_sz,
                        const void *src, size_t len);

/* "none", "gzip", "snappy", "lz4", "zstd". */
const char *mr_codec_name(enum mr_codec codec);
/* MR_ERR_ARG for another word. */
int mr_codec_parse(const char *name, enum mr_codec *out);

#endif
