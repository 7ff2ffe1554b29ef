/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of other forms: hexadecimal, base64, percent signs, numbers to other bases; and digests. */
#include <nettle/md5.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>

#include "base/hash.h"
#include "expr/rows_private.h"

/* ---- hexadecimal ---- */

static uint64_t put_hex(char *p, const uint8_t *bytes, uint64_t len, bool upper) {
  const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  for (uint64_t i = 0; i < len; i++) {
    p[2 * i] = digits[bytes[i] >> 4];
    p[2 * i + 1] = digits[bytes[i] & 15];
  }
  return 2 * len;
}

static inline enum row_result hex_text_row(struct expr_run *run, const struct expr_node *n,
                                           uint32_t row, struct mr_str *out) {
  const struct mr_str *a = row_str(run, n, 0, row);
  uint64_t sz = 2 * (uint64_t)a->len;
  char *p = sz <= UINT32_MAX ? run_scratch(run, sz) : NULL;
  if (!p) return ROW_FULL;
  put_hex(p, (const uint8_t *)row_text(run, a), a->len, true);
  *out = row_made(run, p, sz, sz);
  return ROW_OK;
}
RUN_ROWS(run_hex_text, struct mr_str, hex_text_row)

/* A number to a base, as unsigned 64 bits, without leading zeros; at most 64 digits. */
static uint64_t put_base(char *p, uint64_t x, uint64_t base) {
  char digits[64];
  uint64_t cnt = 0;
  do digits[cnt++] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[x % base];
  while ((x /= base));
  for (uint64_t i = 0; i < cnt; i++) p[i] = digits[cnt - 1 - i];
  return cnt;
}

/* n->i: the base */
static inline enum row_result number_row(struct expr_run *run, const struct expr_node *n,
                                         uint32_t row, struct mr_str *out) {
  char buf[64];
  uint64_t len = put_base(buf, (uint64_t)row_i64(run, n, 0, row), (uint64_t)n->i);
  return row_copied(run, buf, len, out) ? ROW_OK : ROW_FULL;
}
RUN_ROWS(run_number_text, struct mr_str, number_row)

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 32;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The result has to be a text; NULL where it is none. */
static enum row_result made_text(struct expr_run *run, const char *p, uint64_t len, uint64_t taken,
                                 struct mr_str *out) {
  bool text = mr_utf8_valid(p, len);
  if (text)
    *out = row_made(run, p, len, taken);
  else
    run->scratch_used -= taken;
  return text ? ROW_OK : ROW_NULL;
}

static inline enum row_result unhex_row(struct expr_run *run, const struct expr_node *n,
                                        uint32_t row, struct mr_str *out) {
  const struct mr_str *a = row_str(run, n, 0, row);
  const char *s = row_text(run, a);
  uint64_t sz = ((uint64_t)a->len + 1) / 2, at = 0;
  char *p = run_scratch(run, sz);
  if (!p) return ROW_FULL;
  int half = a->len % 2 ? 0 : -1; /* an odd digit at the start stands alone */
  for (uint32_t i = 0; i < a->len; i++) {
    int d = hex_digit(s[i]);
    if (d < 0) {
      run->scratch_used -= sz;
      return ROW_NULL;
    }
    if (half >= 0) p[at++] = (char)(half << 4 | d);
    half = half >= 0 ? -1 : d;
  }
  return made_text(run, p, at, sz, out);
}
RUN_ROWS(run_unhex, struct mr_str, unhex_row)

/* ---- base64 ---- */

static inline enum row_result base64_row(struct expr_run *run, const struct expr_node *n,
                                         uint32_t row, struct mr_str *out) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const struct mr_str *a = row_str(run, n, 0, row);
  const uint8_t *s = (const uint8_t *)row_text(run, a);
  uint64_t sz = ((uint64_t)a->len + 2) / 3 * 4, at = 0;
  char *p = sz <= UINT32_MAX ? run_scratch(run, sz) : NULL;
  if (!p) return ROW_FULL;
  for (uint32_t i = 0; i < a->len; i += 3) {
    uint32_t left = a->len - i, v = (uint32_t)s[i] << 16;
    if (left > 1) v |= (uint32_t)s[i + 1] << 8;
    if (left > 2) v |= s[i + 2];
    p[at++] = digits[v >> 18];
    p[at++] = digits[v >> 12 & 63];
    p[at++] = left > 1 ? digits[v >> 6 & 63] : '=';
    p[at++] = left > 2 ? digits[v & 63] : '=';
  }
  *out = row_made(run, p, sz, sz);
  return ROW_OK;
}
RUN_ROWS(run_base64, struct mr_str, base64_row)

static int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static inline enum row_result unbase64_row(struct expr_run *run, const struct expr_node *n,
                                           uint32_t row, struct mr_str *out) {
  const struct mr_str *a = row_str(run, n, 0, row);
  const char *s = row_text(run, a);
  uint64_t len = a->len, sz = len / 4 * 3 + 3, at = 0;
  for (int i = 0; i < 2 && len && len % 4 != 1 && s[len - 1] == '='; i++) len--;
  char *p = run_scratch(run, sz);
  if (!p) return ROW_FULL;
  uint32_t v = 0, bits = 0;
  bool bad = len % 4 == 1;
  for (uint64_t i = 0; i < len && !bad; i++) {
    int d = base64_digit(s[i]);
    bad = d < 0;
    v = v << 6 | (uint32_t)(d & 63);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    p[at++] = (char)(v >> bits);
  }
  if (!bad) return made_text(run, p, at, sz, out);
  run->scratch_used -= sz;
  return ROW_NULL;
}
RUN_ROWS(run_unbase64, struct mr_str, unbase64_row)

/* ---- percent signs (application/x-www-form-urlencoded) ---- */

static inline enum row_result url_encode_row(struct expr_run *run, const struct expr_node *n,
                                             uint32_t row, struct mr_str *out) {
  const struct mr_str *a = row_str(run, n, 0, row);
  const char *s = row_text(run, a);
  uint64_t sz = 3 * (uint64_t)a->len, at = 0;
  char *p = run_scratch(run, sz);
  if (!p) return ROW_FULL;
  for (uint32_t i = 0; i < a->len; i++) {
    char c = s[i], low = (char)(c | 32);
    if ((low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || (c && strchr(".-*_", c))) {
      p[at++] = c;
    } else if (c == ' ') {
      p[at++] = '+';
    } else {
      p[at++] = '%';
      at += put_hex(p + at, (const uint8_t *)&c, 1, true);
    }
  }
  *out = row_made(run, p, at, sz);
  return ROW_OK;
}
RUN_ROWS(run_url_encode, struct mr_str, url_encode_row)

static inline enum row_result url_decode_row(struct expr_run *run, const struct expr_node *n,
                                             uint32_t row, struct mr_str *out) {
  const struct mr_str *a = row_str(run, n, 0, row);
  const char *s = row_text(run, a);
  uint64_t at = 0;
  char *p = run_scratch(run, a->len);
  if (!p) return ROW_FULL;
  bool bad = false;
  for (uint32_t i = 0; i < a->len && !bad; i++) {
    if (s[i] != '%') {
      p[at++] = s[i] == '+' ? ' ' : s[i];
      continue;
    }
    int hi = i + 2 < a->len ? hex_digit(s[i + 1]) : -1, lo = hi < 0 ? -1 : hex_digit(s[i + 2]);
    bad = lo < 0;
    p[at++] = (char)(hi * 16 + lo);
    i += 2;
  }
  if (!bad && made_text(run, p, at, a->len, out) == ROW_OK) return ROW_OK;
  if (bad) run->scratch_used -= a->len;
  return ROW_BAD;
}
RUN_ROWS(run_url_decode, struct mr_str, url_decode_row)

/* ---- conv ---- */

/* As Spark: digits up to the first that is none of the base; 64 bits unsigned, an error value
 * beyond; a base below 0 writes a sign. NULL for bases outside 2 to 36 and blank texts. */
static inline enum row_result conv_row(struct expr_run *run, const struct expr_node *n,
                                       uint32_t row, struct mr_str *out) {
  const struct mr_str *a = row_str(run, n, 0, row);
  const char *s = row_text(run, a);
  int64_t from = row_i64(run, n, 1, row), to = row_i64(run, n, 2, row);
  int64_t to_abs = to < 0 && to >= -36 ? -to : to;
  if (from < 2 || from > 36 || to_abs < 2 || to_abs > 36) return ROW_NULL;
  uint32_t i = 0, end = a->len;
  while (i < end && s[i] == ' ') i++;
  while (end > i && s[end - 1] == ' ') end--;
  if (i == end) return ROW_NULL;
  bool minus = s[i] == '-', over = false;
  uint64_t x = 0;
  for (i += minus; i < end; i++) {
    char low = (char)(s[i] | 32);
    int d = s[i] >= '0' && s[i] <= '9' ? s[i] - '0'
            : low >= 'a' && low <= 'z' ? low - 'a' + 10
                                       : 36;
    if (d >= from) break;
    over |= __builtin_mul_overflow(x, (uint64_t)from, &x);
    over |= __builtin_add_overflow(x, (uint64_t)d, &x);
  }
  if (over) return ROW_BAD;
  if (minus && to > 0) x = (int64_t)x < 0 ? UINT64_MAX : 0 - x;
  bool sign = to < 0 && (minus || (int64_t)x < 0);
  if (to < 0 && !minus && (int64_t)x < 0) x = 0 - x;
  char buf[72];
  buf[0] = '-';
  uint64_t len = put_base(buf + sign, x, (uint64_t)to_abs) + sign;
  return row_copied(run, buf, len, out) ? ROW_OK : ROW_FULL;
}
RUN_ROWS(run_conv, struct mr_str, conv_row)

/* ---- digests ---- */

static enum row_result put_digest(struct expr_run *run, const uint8_t *digest, uint64_t len,
                                  struct mr_str *out) {
  char buf[2 * SHA512_DIGEST_SIZE];
  put_hex(buf, digest, len, false);
  return row_copied(run, buf, 2 * len, out) ? ROW_OK : ROW_FULL;
}

static inline enum row_result md5_row(struct expr_run *run, const struct expr_node *n, uint32_t row,
                                      struct mr_str *out) {
  const struct mr_str *a = row_str(run, n, 0, row);
  struct md5_ctx ctx;
  uint8_t digest[MD5_DIGEST_SIZE];
  md5_init(&ctx);
  md5_update(&ctx, a->len, (const uint8_t *)row_text(run, a));
  md5_digest(&ctx, sizeof digest, digest);
  return put_digest(run, digest, sizeof digest, out);
}
RUN_ROWS(run_md5, struct mr_str, md5_row)

static inline enum row_result sha1_row(struct expr_run *run, const struct expr_node *n,
                                       uint32_t row, struct mr_str *out) {
  const struct mr_str *a = row_str(run, n, 0, row);
  struct sha1_ctx ctx;
  uint8_t digest[SHA1_DIGEST_SIZE];
  sha1_init(&ctx);
  sha1_update(&ctx, a->len, (const uint8_t *)row_text(run, a));
  sha1_digest(&ctx, sizeof digest, digest);
  return put_digest(run, digest, sizeof digest, out);
}
RUN_ROWS(run_sha1, struct mr_str, sha1_row)

static inline enum row_result sha2_row(struct expr_run *run, const struct expr_node *n,
                                       uint32_t row, struct mr_str *out) {
  const struct mr_str *a = row_str(run, n, 0, row);
  const uint8_t *s = (const uint8_t *)row_text(run, a);
  int64_t bits = row_i64(run, n, 1, row);
  uint8_t digest[SHA512_DIGEST_SIZE];
  union {
    struct sha256_ctx small;
    struct sha512_ctx large;
  } ctx;
  switch (bits) {
  case 224:
    sha224_init(&ctx.small);
    sha224_update(&ctx.small, a->len, s);
    sha224_digest(&ctx.small, SHA224_DIGEST_SIZE, digest);
    break;
  case 0:
  case 256:
    bits = 256;
    sha256_init(&ctx.small);
    sha256_update(&ctx.small, a->len, s);
    sha256_digest(&ctx.small, SHA256_DIGEST_SIZE, digest);
    break;
  case 384:
    sha384_init(&ctx.large);
    sha384_update(&ctx.large, a->len, s);
    sha384_digest(&ctx.large, SHA384_DIGEST_SIZE, digest);
    break;
  case 512:
    sha512_init(&ctx.large);
    sha512_update(&ctx.large, a->len, s);
    sha512_digest(&ctx.large, SHA512_DIGEST_SIZE, digest);
    break;
  default: return ROW_NULL;
  }
  return put_digest(run, digest, (uint64_t)bits / 8, out);
}
RUN_ROWS(run_sha2, struct mr_str, sha2_row)

/* CRC-32 of ISO 3309 (zlib's), by a table of nibbles. */
static inline enum row_result crc32_row(struct expr_run *run, const struct expr_node *n,
                                        uint32_t row, int64_t *out) {
  static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                     0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                     0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                     0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
  const struct mr_str *a = row_str(run, n, 0, row);
  const uint8_t *s = (const uint8_t *)row_text(run, a);
  uint32_t crc = UINT32_MAX;
  for (uint32_t i = 0; i < a->len; i++) {
    crc = table[(crc ^ s[i]) & 15] ^ crc >> 4;
    crc = table[(crc ^ s[i] >> 4) & 15] ^ crc >> 4;
  }
  *out = ~crc;
  return ROW_OK;
}
RUN_ROWS(run_crc32, int64_t, crc32_row)

/* Spark's xxhash64: the hash of one value is the seed of the next, 42 the first; NULLs are left
 * out. Never NULL. */
void run_xxhash64(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  int64_t *out = v->out;
  run_strict(run, n);
  v->valid = NULL;
  v->data = out;
  memset(out, 0, run->rows64 * sizeof *out);
  MR_BITMAP_EACH(run->active, run->words, row) {
    uint64_t hash = 42;
    if (vec_bit(v->err, (uint32_t)row, false)) continue;
    for (uint32_t i = 0; i < n->arg_cnt; i++) {
      const struct vec *a = run_arg(run, n, i);
      if (!vec_bit(a->valid, (uint32_t)row, true)) continue;
      uint32_t yes;
      int64_t word;
      const void *p = &word;
      size_t len = sizeof word;
      switch (n->args[i]->type) {
      case MR_TYPE_STRING:
        p = row_text(run, row_str(run, n, i, (uint32_t)row));
        len = row_str(run, n, i, (uint32_t)row)->len;
        break;
      case MR_TYPE_BOOL:
        yes = mr_bit_get(a->data, (uint32_t)row);
        p = &yes;
        len = sizeof yes;
        break;
      default:
        memcpy(&word, (const int64_t *)a->data + row, sizeof word);
        if (n->args[i]->type == MR_TYPE_DOUBLE && (uint64_t)word == UINT64_C(1) << 63) word = 0;
        break;
      }
      hash = mr_hash_xxh64(p, len, hash);
    }
    out[row] = (int64_t)hash;
  }
}
