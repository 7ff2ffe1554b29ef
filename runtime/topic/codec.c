/* SPDX-License-Identifier: Apache-2.0 */
#include "topic/codec.h"

#include <limits.h>
#include <lz4frame.h>
#include <snappy-c.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/arena.h"
#include "base/assert.h"
#include "topic/bytes.h"

#define GZIP_WINDOW     (15 + 16) /* zlib's way to ask for gzip members */
#define GZIP_LEVEL      6
#define ZSTD_LEVEL      3
#define XERIAL_HEAD_SZ  16u
#define XERIAL_BLOCK_SZ (32u << 10)

struct mr_codec_ctx {
  struct mr_arena arena;
  enum mr_codec codec;
  LZ4F_cctx *lz4_in;
  LZ4F_dctx *lz4_out;
  ZSTD_CCtx *zstd_in;
  ZSTD_DCtx *zstd_out;
  z_stream gzip_in, gzip_out;
  bool has_gzip_in, has_gzip_out;
};

static const char *const names[MR_CODEC_CNT] = {"none", "gzip", "snappy", "lz4", "zstd"};

const char *mr_codec_name(enum mr_codec codec) {
  return names[codec];
}

int mr_codec_parse(const char *name, enum mr_codec *out) {
  for (int i = 0; i < MR_CODEC_CNT; i++) {
    if (strcmp(name, names[i]) != 0) continue;
    *out = (enum mr_codec)i;
    return MR_OK;
  }
  return MR_ERR_ARG;
}

int mr_codec_create(struct mr_codec_ctx **out, enum mr_codec codec, struct mr_error *err) {
  struct mr_arena arena = {0};
  struct mr_codec_ctx *ctx = MR_NEW(&arena, struct mr_codec_ctx, 1);
  ctx->arena = arena;
  ctx->codec = codec;
  bool fine = !LZ4F_isError(LZ4F_createDecompressionContext(&ctx->lz4_out, LZ4F_VERSION));
  fine = fine && (ctx->zstd_out = ZSTD_createDCtx());
  ctx->has_gzip_out = inflateInit2(&ctx->gzip_out, GZIP_WINDOW) == Z_OK;
  fine = fine && ctx->has_gzip_out;
  if (fine && codec == MR_CODEC_LZ4)
    fine = !LZ4F_isError(LZ4F_createCompressionContext(&ctx->lz4_in, LZ4F_VERSION));
  if (fine && codec == MR_CODEC_ZSTD) fine = (ctx->zstd_in = ZSTD_createCCtx());
  if (fine && codec == MR_CODEC_GZIP)
    fine = ctx->has_gzip_in = deflateInit2(&ctx->gzip_in, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8,
                                           Z_DEFAULT_STRATEGY) == Z_OK;
  if (fine) {
    *out = ctx;
    return MR_OK;
  }
  mr_codec_destroy(ctx);
  return mr_error_set(err, MR_ERR_NOMEM, "no memory for compression with %s", names[codec]);
}

void mr_codec_destroy(struct mr_codec_ctx *ctx) {
  if (!ctx) return;
  LZ4F_freeCompressionContext(ctx->lz4_in);
  LZ4F_freeDecompressionContext(ctx->lz4_out);
  ZSTD_freeCCtx(ctx->zstd_in);
  ZSTD_freeDCtx(ctx->zstd_out);
  if (ctx->has_gzip_in) deflateEnd(&ctx->gzip_in);
  if (ctx->has_gzip_out) inflateEnd(&ctx->gzip_out);
  struct mr_arena arena = ctx->arena; /* the struct itself lives in it */
  mr_arena_free(&arena);
}

/* ---- packing ---- */

/* Independent blocks: Kafka's own dump tool cannot read linked ones. */
static const LZ4F_preferences_t lz4_how = {
    .frameInfo = {.blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockIndependent}, .autoFlush = 1};

static size_t xerial_bound(size_t len) {
  size_t blocks = len / XERIAL_BLOCK_SZ + 1;
  return XERIAL_HEAD_SZ + blocks * (4 + snappy_max_compressed_length(XERIAL_BLOCK_SZ));
}

size_t mr_codec_bound(enum mr_codec codec, size_t len) {
  switch (codec) {
  case MR_CODEC_GZIP: return len + len / 1000 + 1024;
  case MR_CODEC_SNAPPY: return xerial_bound(len);
  case MR_CODEC_LZ4: return LZ4F_compressBound(len, &lz4_how) + LZ4F_HEADER_SIZE_MAX;
  case MR_CODEC_ZSTD: return ZSTD_compressBound(len);
  default: return len;
  }
}

static const unsigned char xerial_head[XERIAL_HEAD_SZ] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0,
                                                          0,    0,   0,   1,   0,   0,   0,   1};

static int64_t pack_snappy(char *dst, const char *src, size_t len) {
  char *p = dst;
  memcpy(p, xerial_head, XERIAL_HEAD_SZ);
  p += XERIAL_HEAD_SZ;
  while (len > 0) {
    size_t n = len < XERIAL_BLOCK_SZ ? len : XERIAL_BLOCK_SZ;
    size_t packed = snappy_max_compressed_length(n);
    if (snappy_compress(src, n, p + 4, &packed) != SNAPPY_OK) return MR_ERR_LIMIT;
    mr_be32_put(p, (uint32_t)packed);
    p += 4 + packed;
    src += n;
    len -= n;
  }
  return p - dst;
}

static int64_t pack_gzip(z_stream *z, void *dst, size_t dst_sz, const void *src, size_t len) {
  if (deflateReset(z) != Z_OK || len > UINT_MAX || dst_sz > UINT_MAX) return MR_ERR_LIMIT;
  z->next_in = (Bytef *)(uintptr_t)src;
  z->avail_in = (uInt)len;
  z->next_out = dst;
  z->avail_out = (uInt)dst_sz;
  if (deflate(z, Z_FINISH) != Z_STREAM_END) return MR_ERR_LIMIT;
  return (int64_t)(dst_sz - z->avail_out);
}

static int64_t pack_lz4(LZ4F_cctx *c, char *dst, size_t dst_sz, const void *src, size_t len) {
  size_t used = 0;
  for (int step = 0; step < 3; step++) {
    size_t n;
    if (step == 0)
      n = LZ4F_compressBegin(c, dst, dst_sz, &lz4_how);
    else if (step == 1)
      n = LZ4F_compressUpdate(c, dst + used, dst_sz - used, src, len, NULL);
    else
      n = LZ4F_compressEnd(c, dst + used, dst_sz - used, NULL);
    if (LZ4F_isError(n)) return MR_ERR_LIMIT;
    used += n;
  }
  return (int64_t)used;
}

int64_t mr_codec_pack(struct mr_codec_ctx *ctx, void *dst, size_t dst_sz, const void *src,
                      size_t len) {
  MR_ASSERT(dst_sz >= mr_codec_bound(ctx->codec, len));
  size_t n;
  switch (ctx->codec) {
  case MR_CODEC_GZIP: return pack_gzip(&ctx->gzip_in, dst, dst_sz, src, len);
  case MR_CODEC_SNAPPY: return pack_snappy(dst, src, len);
  case MR_CODEC_LZ4: return pack_lz4(ctx->lz4_in, dst, dst_sz, src, len);
  case MR_CODEC_ZSTD:
    n = ZSTD_compressCCtx(ctx->zstd_in, dst, dst_sz, src, len, ZSTD_LEVEL);
    return ZSTD_isError(n) ? MR_ERR_LIMIT : (int64_t)n;
  default: return MR_ERR_ARG;
  }
}

/* ---- unpacking ---- */

static int64_t unpack_snappy_block(char *dst, size_t dst_sz, const char *src, size_t len) {
  size_t n;
  if (snappy_uncompressed_length(src, len, &n) != SNAPPY_OK) return MR_ERR_DATA;
  if (n > dst_sz) return MR_ERR_LIMIT;
  if (snappy_uncompress(src, len, dst, &n) != SNAPPY_OK) return MR_ERR_DATA;
  return (int64_t)n;
}

static int64_t unpack_snappy(char *dst, size_t dst_sz, const char *src, size_t len) {
  if (len < XERIAL_HEAD_SZ || memcmp(src, xerial_head, 8) != 0)
    return unpack_snappy_block(dst, dst_sz, src, len);
  size_t at = XERIAL_HEAD_SZ, used = 0;
  while (at < len) {
    if (len - at < 4) return MR_ERR_DATA;
    uint32_t n = mr_be32(src + at);
    at += 4;
    if (n > len - at) return MR_ERR_DATA;
    int64_t got = unpack_snappy_block(dst + used, dst_sz - used, src + at, n);
    if (got < 0) return got;
    used += (size_t)got;
    at += n;
  }
  return (int64_t)used;
}

static int64_t unpack_gzip(z_stream *z, void *dst, size_t dst_sz, const void *src, size_t len) {
  if (len > UINT_MAX || dst_sz > UINT_MAX) return MR_ERR_LIMIT;
  z->next_in = (Bytef *)(uintptr_t)src;
  z->avail_in = (uInt)len;
  z->next_out = dst;
  z->avail_out = (uInt)dst_sz;
  do { /* a file may have several members */
    if (inflateReset(z) != Z_OK) return MR_ERR_DATA;
    int rc = inflate(z, Z_FINISH);
    if (rc != Z_STREAM_END)
      return z->avail_out == 0 && (rc == Z_BUF_ERROR || rc == Z_OK) ? MR_ERR_LIMIT : MR_ERR_DATA;
  } while (z->avail_in > 0);
  return (int64_t)(dst_sz - z->avail_out);
}

static int64_t unpack_lz4(LZ4F_dctx *d, char *dst, size_t dst_sz, const char *src, size_t len) {
  LZ4F_resetDecompressionContext(d);
  size_t used = 0, left = 1;
  while (len > 0 && left != 0) {
    size_t out = dst_sz - used, in = len;
    left = LZ4F_decompress(d, dst + used, &out, src, &in, NULL);
    if (LZ4F_isError(left)) return MR_ERR_DATA;
    if (in == 0 && out == 0) return used == dst_sz ? MR_ERR_LIMIT : MR_ERR_DATA;
    used += out;
    src += in;
    len -= in;
  }
  if (left == 0) return len == 0 ? (int64_t)used : MR_ERR_DATA;
  return used == dst_sz ? MR_ERR_LIMIT : MR_ERR_DATA;
}

static int64_t unpack_zstd(ZSTD_DCtx *d, void *dst, size_t dst_sz, const void *src, size_t len) {
  ZSTD_DCtx_reset(d, ZSTD_reset_session_only);
  ZSTD_inBuffer in = {src, len, 0};
  ZSTD_outBuffer out = {dst, dst_sz, 0};
  size_t left = 1;
  while (in.pos < in.size || left != 0) {
    size_t in_before = in.pos, out_before = out.pos;
    left = ZSTD_decompressStream(d, &out, &in);
    if (ZSTD_isError(left)) return MR_ERR_DATA;
    if (in.pos == in_before && out.pos == out_before && left != 0)
      return out.pos == out.size ? MR_ERR_LIMIT : MR_ERR_DATA;
  }
  return (int64_t)out.pos;
}

int64_t mr_codec_unpack(struct mr_codec_ctx *ctx, enum mr_codec codec, void *dst, size_t dst_sz,
                        const void *src, size_t len) {
  switch (codec) {
  case MR_CODEC_NONE:
    if (len > dst_sz) return MR_ERR_LIMIT;
    memcpy(dst, src, len);
    return (int64_t)len;
  case MR_CODEC_GZIP: return unpack_gzip(&ctx->gzip_out, dst, dst_sz, src, len);
  case MR_CODEC_SNAPPY: return unpack_snappy(dst, dst_sz, src, len);
  case MR_CODEC_LZ4: return unpack_lz4(ctx->lz4_out, dst, dst_sz, src, len);
  case MR_CODEC_ZSTD: return unpack_zstd(ctx->zstd_out, dst, dst_sz, src, len);
  default: return MR_ERR_DATA;
  }
}
