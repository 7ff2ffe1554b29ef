/* SPDX-License-Identifier: Apache-2.0 */
/* Rows taken together, compiled once per x86-64 level with MR_ISA=v2|v3|v4 (mr_kernels in
 * rooms.cmake). What is not plainly a value here is looked at alone. */
#include "base/text.h"
#include "format/csv_private.h"

#define JOIN2(a, b) a##b
#define JOIN(a, b)  JOIN2(a, b)
#define INLINE      static inline __attribute__((always_inline))

/* ---- 64 bytes at a time ---- */

struct marks { /* bits of bytes */
  uint64_t quote, delimiter, newline;
  uint64_t rare; /* below 0x20 or above 0x7f, newlines too */
};

#if defined(__AVX512BW__)
struct signs {
  __m512i quote, delimiter;
};
INLINE struct signs make_signs(char quote, char delimiter) {
  return (struct signs){_mm512_set1_epi8(quote), _mm512_set1_epi8(delimiter)};
}
INLINE struct marks look(const struct signs *s, const char *p) {
  __m512i v = _mm512_loadu_si512(p);
  return (struct marks){_mm512_cmpeq_epi8_mask(v, s->quote),
                        _mm512_cmpeq_epi8_mask(v, s->delimiter),
                        _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\n')),
                        _mm512_cmplt_epi8_mask(v, _mm512_set1_epi8(0x20))};
}
#elif defined(__AVX2__)
struct signs {
  __m256i quote, delimiter;
};
INLINE struct signs make_signs(char quote, char delimiter) {
  return (struct signs){_mm256_set1_epi8(quote), _mm256_set1_epi8(delimiter)};
}
INLINE uint64_t bits(__m256i a, __m256i b) {
  return (uint32_t)_mm256_movemask_epi8(a) | (uint64_t)(uint32_t)_mm256_movemask_epi8(b) << 32;
}
INLINE struct marks look(const struct signs *s, const char *p) {
  __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)p);
  __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
  const __m256i newline = _mm256_set1_epi8('\n'), low = _mm256_set1_epi8(0x20);
  return (struct marks){
      bits(_mm256_cmpeq_epi8(a, s->quote), _mm256_cmpeq_epi8(b, s->quote)),
      bits(_mm256_cmpeq_epi8(a, s->delimiter), _mm256_cmpeq_epi8(b, s->delimiter)),
      bits(_mm256_cmpeq_epi8(a, newline), _mm256_cmpeq_epi8(b, newline)),
      bits(_mm256_cmpgt_epi8(low, a), _mm256_cmpgt_epi8(low, b))};
}
#elif defined(__SSE4_1__)
struct signs {
  __m128i quote, delimiter;
};
INLINE struct signs make_signs(char quote, char delimiter) {
  return (struct signs){_mm_set1_epi8(quote), _mm_set1_epi8(delimiter)};
}
INLINE uint64_t bits(const __m128i v[4]) {
  uint64_t low = (uint32_t)_mm_movemask_epi8(v[0]) | (uint32_t)_mm_movemask_epi8(v[1]) << 16;
  uint64_t high = (uint32_t)_mm_movemask_epi8(v[2]) | (uint32_t)_mm_movemask_epi8(v[3]) << 16;
  return low | high << 32;
}
INLINE struct marks look(const struct signs *s, const char *p) {
  __m128i quote[4], delimiter[4], newline[4], rare[4];
  for (uint32_t i = 0; i < 4; i++) {
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
    quote[i] = _mm_cmpeq_epi8(v, s->quote);
    delimiter[i] = _mm_cmpeq_epi8(v, s->delimiter);
    newline[i] = _mm_cmpeq_epi8(v, _mm_set1_epi8('\n'));
    rare[i] = _mm_cmpgt_epi8(_mm_set1_epi8(0x20), v);
  }
  return (struct marks){bits(quote), bits(delimiter), bits(newline), bits(rare)};
}
#else
struct signs {
  char quote, delimiter;
};
INLINE struct signs make_signs(char quote, char delimiter) {
  return (struct signs){quote, delimiter};
}
INLINE struct marks look(const struct signs *s, const char *p) {
  struct marks m = {0, 0, 0, 0};
  for (uint32_t i = 0; i < 64; i++) {
    m.quote |= (uint64_t)(p[i] == s->quote) << i;
    m.delimiter |= (uint64_t)(p[i] == s->delimiter) << i;
    m.newline |= (uint64_t)(p[i] == '\n') << i;
    m.rare |= (uint64_t)((signed char)p[i] < 0x20) << i;
  }
  return m;
}
#endif

/* Bit i: whether the number of bits up to i is odd. */
INLINE uint64_t parity(uint64_t x) {
  x ^= x << 1;
  x ^= x << 2;
  x ^= x << 4;
  x ^= x << 8;
  x ^= x << 16;
  return x ^ x << 32;
}

/* Writes base + the places of the bits to out; entries behind them are overwritten, at most 6. */
INLINE void put_places(uint32_t *out, uint64_t bits, uint32_t cnt, uint32_t base) {
  for (uint32_t i = 0; i < 6; i++, bits &= bits - 1) out[i] = base + mr_scan_low_bit(bits);
  if (__builtin_expect(cnt <= 6, 1)) return;
  for (uint32_t i = 6; i < cnt; i++, bits &= bits - 1) out[i] = base + mr_scan_low_bit(bits);
}

struct seen { /* bits that were set anywhere */
  uint64_t high, crlf, doubled, newlines;
};

struct edge {      /* what the next 64 bytes have to know */
  uint64_t inside; /* all bits: inside quotes */
  uint64_t opens;  /* 1: a quote there may open or double */
  uint64_t closed; /* 1: the byte before closed a quote */
};

/* Bytes other than newlines that the marks do not tell apart: \r\n, \r alone, NUL, above 0x7f. */
INLINE void look_rare(struct seen *seen, const char *p, struct marks *m, uint64_t *bad,
                      uint64_t *crlf) {
  const struct signs signs = make_signs('\r', 0);
  struct marks again = look(&signs, p); /* \r for a quote, NUL for a delimiter */
  uint64_t w[8], high = 0;
  memcpy(w, p, sizeof w);
  for (uint32_t i = 0; i < 8; i++) high |= w[i];
  seen->high |= high & UINT64_C(0x8080808080808080);
  /* the newline behind the data counts: what follows a last \r is not known yet */
  *crlf = again.quote & (m->newline >> 1 | (uint64_t)(p[64] == '\n') << 63);
  *bad = again.delimiter;
  m->newline |= again.quote & ~*crlf;
}

/* Ends of cells and of rows among the 64 bytes at p; *bad: the first bytes that do not fit what is
 * thought of the quotes. */
INLINE void find_ends(struct seen *seen, const char *p, struct marks m, struct edge *e,
                      uint64_t *ends, uint64_t *rows, uint64_t *bad) {
  uint64_t crlf = 0, nul = 0, rare = m.rare & ~m.newline & ~m.delimiter;
  if (__builtin_expect(rare != 0, 0)) look_rare(seen, p, &m, &nul, &crlf);
  if (!(m.quote | e->inside | e->closed)) { /* nothing is in quotes */
    *ends = m.delimiter | m.newline;
    *rows = m.newline;
    *bad = nul;
    seen->crlf |= crlf;
    e->opens = *ends >> 63;
    return;
  }
  uint64_t inside = parity(m.quote) ^ e->inside;
  uint64_t open = m.quote & inside, close = m.quote & ~inside;
  *ends = (m.delimiter | m.newline) & ~inside;
  *rows = m.newline & ~inside;
  uint64_t before = (*ends | close) << 1 | e->opens;
  uint64_t behind = close << 1 | e->closed;
  *bad = nul | (open & ~before) | (behind & ~(*ends | m.quote | crlf));
  seen->doubled |= open & behind;
  seen->newlines |= (m.newline | crlf) & inside;
  seen->crlf |= crlf & ~inside;
  e->inside = (uint64_t)((int64_t)inside >> 63);
  e->opens = (*ends | close) >> 63;
  e->closed = close >> 63;
}

/* How many of the rows have cell_cnt cells, where some may not. */
static uint32_t count_rows(const struct mr_csv_group *g, uint32_t rows, uint32_t cell_cnt) {
  for (uint32_t i = 0; i < rows; i++) {
    const uint32_t *sep = g->sep + (size_t)i * cell_cnt + 1;
    for (uint32_t k = 0; k < cell_cnt; k++)
      if ((g->text[sep[k]] == '\n' || g->text[sep[k]] == '\r') != (k + 1 == cell_cnt)) return i;
  }
  return rows;
}

/* Whether the last cells of the rows end with their lines. */
INLINE bool end_well(const struct mr_csv_group *g, uint32_t rows, uint32_t cell_cnt) {
  bool well = true;
  for (uint32_t i = 1; i <= rows; i++) well &= g->text[g->sep[(size_t)i * cell_cnt]] == '\n';
  return well;
}

static void find(struct mr_csv *csv, struct mr_csv_group *g, const char *p, const char *end,
                 uint32_t row_max) {
  const struct signs signs = make_signs(csv->quote, csv->delimiter);
  const uint64_t quotes = csv->quote ? UINT64_MAX : 0;
  const uint32_t len = end - p < INT32_MAX ? (uint32_t)(end - p) : INT32_MAX;
  const uint32_t sep_max =
      row_max * csv->cell_cnt < MR_CSV_SEPS ? row_max * csv->cell_cnt : MR_CSV_SEPS;
  struct edge e = {0, 1, 0};
  struct seen seen = {0, 0, 0, 0};
  uint32_t seps = 1, rows = 0, off = 0;
  uint64_t bad = 0, ends, row_ends = 0;
  g->sep[0] = UINT32_MAX;
  for (; off + 64 <= len && seps <= sep_max && !bad; off += 64) {
    struct marks m = look(&signs, p + off);
    m.quote &= quotes;
    find_ends(&seen, p + off, m, &e, &ends, &row_ends, &bad);
    if (__builtin_expect(bad != 0, 0)) { /* what comes before stays */
      ends &= (bad & -bad) - 1;
      row_ends &= (bad & -bad) - 1;
    }
    uint32_t cnt = (uint32_t)__builtin_popcountll(ends);
    put_places(g->sep + seps, ends, cnt, off);
    rows += (uint32_t)__builtin_popcountll(row_ends);
    seps += cnt;
  }
  g->text = p;
  g->high = seen.high != 0;
  g->crlf = seen.crlf != 0;
  g->doubled = seen.doubled != 0;
  g->newlines = seen.newlines != 0;
  uint32_t whole = (seps - 1) / csv->cell_cnt;
  if (whole > row_max) whole = row_max;
  /* rows behind the last one that counts end in the last 64 bytes, or there are ragged ones */
  uint32_t last = g->sep[(size_t)whole * csv->cell_cnt] + 1, at = off - 64;
  if (off && last > at)
    rows -= (uint32_t)__builtin_popcountll(last - at < 64 ? row_ends >> (last - at) : 0);
  if (rows != whole || !end_well(g, whole, csv->cell_cnt))
    whole = count_rows(g, whole, csv->cell_cnt);
  g->row_cnt = whole;
}

/* ---- values ---- */

/* The string's bytes when they lie in the view, else as the view of a string at the group's text.
 * The bytes for the heap. */
INLINE uint32_t put_str(struct mr_str *dst, const char *p, uint32_t len, uint32_t off) {
#if defined(__SSE4_1__)
  static const uint8_t masks[32] = {255, 255, 255, 255, 255, 255, 255, 255,
                                    255, 255, 255, 255, 255, 255, 255, 255};
  bool far = len > MR_STR_INLINE;
  uint32_t keep = far ? MR_STR_INLINE : len;
  __m128i v = _mm_and_si128(_mm_loadu_si128((const __m128i *)(const void *)p),
                            _mm_loadu_si128((const __m128i *)(const void *)(masks + 16 - keep)));
  uint64_t w[2] = {len | (uint64_t)_mm_cvtsi128_si64(v) << 32,
                   (uint64_t)_mm_cvtsi128_si64(_mm_srli_si128(v, 4))};
  w[1] = far ? (uint64_t)off << 32 : w[1];
  memcpy(dst, w, sizeof *dst);
  return far ? len : 0;
#else
  if (len <= MR_STR_INLINE) {
    *dst = mr_str_make(p, len, NULL);
    return 0;
  }
  dst->len = len;
  dst->u.ref.off = off;
  return len;
#endif
}

INLINE bool take_code(const struct mr_codes *codes, const struct mr_codes_table *bare,
                      const char *p, uint32_t len, uint8_t *dst) {
  if (bare->texts) {
    const struct mr_codes_quick *q = mr_codes_quick(bare, mr_scan_load8(p));
    *dst = q->code;
    return q->len == len && mr_scan_masked_equal(p, q->text, q->mask);
  }
  int32_t code = mr_codes_find(codes, p, len);
  *dst = (uint8_t)code;
  return code >= 0;
}

/* The digits at p, 1 to 8 of them; false: they are not all digits. */
INLINE bool take_digits(const char *p, uint32_t len, uint64_t *out) {
  const uint64_t zeros = UINT64_C(0x3030303030303030);
  uint64_t w = (mr_scan_load8(p) ^ zeros) << (64 - 8 * len);
  bool good = !(((w + UINT64_C(0x7676767676767676)) | w) & UINT64_C(0x8080808080808080));
  w = w * 10 + (w >> 8);
  *out = ((w & UINT64_C(0xff000000ff)) * UINT64_C(0x000f424000000064) +
          (w >> 16 & UINT64_C(0xff000000ff)) * UINT64_C(0x0000271000000001)) >>
         32;
  return good;
}

INLINE bool take_int64(const char *p, uint32_t len, int64_t *dst) {
  uint64_t high, low;
  bool minus = *p == '-';
  const char *digits = p + minus;
  uint32_t n = len - minus;
  if (__builtin_expect(n - 1 <= 7, 1)) {
    if (!take_digits(digits, n, &low)) return false;
    *dst = minus ? -(int64_t)low : (int64_t)low;
    return true;
  }
  if (n - 9 <= 7 && take_digits(digits, n - 8, &high) && take_digits(digits + n - 8, 8, &low)) {
    int64_t v = (int64_t)(high * 100000000 + low);
    *dst = minus ? -v : v;
    return true;
  }
  return mr_int64_parse(p, len, dst) == 0;
}

/* Three digits of a fraction behind the seconds, ":00.000" and one more byte at p + 16. */
INLINE bool take_millis(const char *p, int64_t *dst) {
  const uint64_t highs = UINT64_C(0x8080808080808080);
  uint64_t w = (mr_scan_load8(p + 16) ^ UINT64_C(0x003030302e303000)) & UINT64_C(0xffffffff000000);
  *dst += (int64_t)((w >> 32 & 0xff) * 100 + (w >> 40 & 0xff) * 10 + (w >> 48 & 0xff)) * 1000;
  return !(((w + UINT64_C(0x007676767f000000)) | w) & highs);
}

/* RFC 3339 in UTC on the day of the last one, with no, three or six digits of a fraction. */
INLINE bool take_rfc3339(struct mr_day *day, const char *p, uint32_t len, int64_t *dst) {
  const uint64_t highs = UINT64_C(0x8080808080808080);
  bool good = mr_day_take(day, p, dst);
  if (len == 20) {
    good &= p[19] == 'Z';
  } else if (len == 24) {
    good &= take_millis(p, dst) & (p[23] == 'Z');
  } else if (len == 27) { /* .000000Z */
    uint64_t w = mr_scan_load8(p + 19) ^ UINT64_C(0x5a3030303030302e);
    good &= !(((w + UINT64_C(0x7f7676767676767f)) | w) & highs);
    w = w * 10 + (w >> 8);
    *dst += (int64_t)((w >> 8 & 0xff) * 10000 + (w >> 24 & 0xff) * 100 + (w >> 40 & 0xff));
  } else {
    good = false;
  }
  return __builtin_expect(good, 1) || mr_csv_take_other_time(day, p, len, dst);
}

/* The column's pattern, on the day of the last one. */
INLINE bool take_pattern(const struct mr_fill_col *col, struct mr_day *day, const char *p,
                         uint32_t len, int64_t *dst) {
  if (!col->pattern_len) return mr_time_pattern_parse(col->pattern, p, len, dst) == 0;
  bool good = mr_day_take(day, p, dst) & (len == col->pattern_len);
  if (len == 23) good &= take_millis(p, dst);
  return __builtin_expect(good, 1) || mr_csv_take_other_pattern(col, day, p, len, dst);
}

/* ---- one column of all rows ---- */

struct rows { /* what the loop over rows needs, away from what it writes to */
  const char *text;
  const uint32_t *sep;
  uint32_t step, cnt;
  char quote;
  bool crlf, doubled;
  const struct mr_fill_col *col;
  const struct mr_codes *codes;
  struct mr_codes_table bare; /* of codes */
  struct mr_day day;
  uint8_t *dst;
  uint32_t row;
  uint64_t heap, nulls, bad;
};

INLINE bool take_value(struct rows *r, const char *p, uint32_t len, uint32_t i, uint8_t kind) {
  uint32_t row = r->row + i;
  int64_t *w8 = (int64_t *)(void *)r->dst + row;
  bool flag, good;
  switch (kind) {
  case MR_VALUE_STR:
    r->heap += put_str((struct mr_str *)(void *)r->dst + row, p, len, (uint32_t)(p - r->text));
    return true;
  case MR_VALUE_CODE: return take_code(r->codes, &r->bare, p, len, r->dst + row);
  case MR_VALUE_RFC3339: return take_rfc3339(&r->day, p, len, w8);
  case MR_VALUE_PATTERN: return take_pattern(r->col, &r->day, p, len, w8);
  case MR_VALUE_INT64: return take_int64(p, len, w8);
  case MR_VALUE_UNIX: return take_int64(p, len, w8) && mr_fill_unix_us(r->col->unix_us, *w8, w8);
  case MR_VALUE_DOUBLE: return mr_csv_take_double(p, len, (double *)(void *)w8) == 0;
  case MR_VALUE_BOOL:
    good = mr_csv_take_bool(p, len, &flag);
    if (good) mr_fill_bit((uint64_t *)(void *)r->dst, row, flag);
    return good;
  default: return mr_csv_take_time(r->col, p, len, w8);
  }
}

/* `plain`: no \r and no doubled quotes. */
INLINE void take_cells(struct rows *r, uint8_t kind, bool plain) {
  const uint32_t cnt = r->cnt, step = r->step;
  const char quote = r->quote, *text = r->text;
  const uint32_t *sep = r->sep;
  uint64_t bad = 0, nulls = 0;
  for (uint32_t i = 0; i < cnt; i++, sep += step) {
    const char *p = text + (uint32_t)(sep[0] + 1), *end = text + sep[1];
    if (!plain && r->crlf) end -= end > p && *end == '\n' && end[-1] == '\r';
    uint32_t len = (uint32_t)(end - p);
    if (*p == quote) {
      p++;
      len -= 2;
      if (!plain && r->doubled && memchr(p, quote, len)) {
        bad |= UINT64_C(1) << i;
        continue;
      }
    }
    if (kind != MR_VALUE_STR && __builtin_expect(!len, 0))
      nulls |= UINT64_C(1) << i;
    else if (__builtin_expect(!take_value(r, p, len, i, kind), 0))
      bad |= UINT64_C(1) << i;
  }
  r->bad = bad;
  r->nulls = nulls;
}

INLINE void take_rows(struct rows *r, uint8_t kind) {
  if (r->crlf || r->doubled)
    take_cells(r, kind, false);
  else
    take_cells(r, kind, true);
}

/* Times whose first format is RFC 3339 are looked at alone where they are in another one. */
static uint8_t kind_of(const struct mr_fill_col *col) {
  bool first = col->kind == MR_VALUE_TIMES && col->conf->formats[0].time == MR_DECODE_RFC3339;
  return first ? MR_VALUE_RFC3339 : col->kind;
}

static void take(struct mr_csv *csv, struct mr_csv_group *g, struct mr_csv_task *task,
                 uint32_t row) {
  const struct mr_fill_col *col = &csv->fill.cols[task->col];
  struct rows r; /* codes and day only where they are read: zeros would take longer than a cell */
  r.text = g->text;
  r.sep = g->sep + task->cell;
  r.step = csv->cell_cnt;
  r.cnt = g->row_cnt;
  r.quote = csv->quote; /* without quotes it is NUL, which no row has */
  r.crlf = g->crlf && task->cell + 1 == csv->cell_cnt;
  r.doubled = g->doubled;
  r.col = col;
  r.dst = csv->fill.dst[task->col];
  r.row = row;
  r.heap = 0;
  switch (kind_of(col)) {
  case MR_VALUE_STR: take_rows(&r, MR_VALUE_STR); break;
  case MR_VALUE_CODE:
    r.codes = col->codes;
    r.bare = col->codes->bare;
    take_rows(&r, MR_VALUE_CODE);
    break;
  case MR_VALUE_RFC3339:
    r.day = task->day;
    take_rows(&r, MR_VALUE_RFC3339);
    task->day = r.day;
    break;
  case MR_VALUE_PATTERN:
    r.day = task->day;
    take_rows(&r, MR_VALUE_PATTERN);
    task->day = r.day;
    break;
  case MR_VALUE_INT64: take_rows(&r, MR_VALUE_INT64); break;
  case MR_VALUE_UNIX: take_rows(&r, MR_VALUE_UNIX); break;
  case MR_VALUE_DOUBLE: take_rows(&r, MR_VALUE_DOUBLE); break;
  case MR_VALUE_BOOL: take_rows(&r, MR_VALUE_BOOL); break;
  default: take_rows(&r, MR_VALUE_TIMES); break;
  }
  g->bad |= r.bad;
  g->heap += r.heap;
  task->nulls = r.nulls;
  if (task->null_ok) return;
  g->bad |= r.nulls;
  task->nulls = 0;
}

static size_t move(struct mr_csv *csv, const struct mr_csv_group *g, uint32_t row, uint32_t to,
                   uint8_t *p) {
  uint8_t *o = p;
  for (uint32_t t = 0; t < csv->task_cnt; t++) {
    uint32_t c = csv->tasks[t].col;
    if (csv->fill.cols[c].kind != MR_VALUE_STR) continue;
    struct mr_str *dst = (struct mr_str *)csv->fill.dst[c] + row;
    for (uint32_t i = 0; i < to; i++) {
      uint32_t len = dst[i].len;
      if (len <= MR_STR_INLINE || g->bad >> i & 1) continue;
      const char *src = g->text + dst[i].u.ref.off;
      for (uint32_t done = 0; done < len; done += 64) memcpy(o + done, src + done, 64);
      dst[i] = mr_str_make((const char *)o, len, csv->fill.base);
      o += len;
    }
  }
  return (size_t)(o - p);
}

const struct mr_csv_kernels JOIN(mr_csv_kernels_, MR_ISA) = {find, take, move};
