/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "format/json_take.h"

/* Learning: a good line of the general path costs LEARN_COST of credit, a line that fits a template
 * gives 1 back. At 0 it stops, and is tried again with RETRY_CREDIT after RETRY_LINES good lines.
 */
#define CREDIT_MAX   256u
#define LEARN_COST   4u
#define RETRY_LINES  64u
#define RETRY_CREDIT 4u

#define MOVE_SLACK 63u /* bytes behind moved strings that are overwritten */
#define GROUP_MIN  8u  /* lines to take together where few fit */
#define ALONE_MIN  32u
#define ALONE_MAX  1024u

/* When fewer than HITS_MIN lines fitted while MISSES did not, templates rest for REST_LINES lines.
 */
#define HITS_MIN   8u
#define MISSES     64u
#define REST_LINES 512u

#define TEXT_MAX                                                                                   \
  96u /* bytes of one text: comparing it must stay inside the padding behind the data */
_Static_assert(TEXT_MAX + MR_SCAN_TEXT <= MR_LINES_PAD, "texts are read behind the data");

/* ---- the values of a line that fits ---- */

/* A string that begins at p: its bytes, unescaped where needed. */
static inline const char *take_text(struct mr_json *json, const char *p, const char **text,
                                    uint32_t *len) {
  const char *end = mr_scan_string(p);
  *text = p;
  if (__builtin_expect(*end != '"', 0)) {
    bool escaped;
    end = mr_json_skip_string(p, &escaped);
    if (!end) return NULL;
    if (escaped) {
      char *out = json->scratch + json->scratch_used;
      json->scratch_used += (size_t)(end - p);
      *len = mr_json_unescape(p, end, out);
      *text = out;
      return end + 1;
    }
  }
  *len = (uint32_t)(end - p);
  return end + 1;
}

static inline const char *take_str(struct mr_json *json, const char *p, struct mr_str *dst) {
  const char *text;
  uint32_t len;
  p = take_text(json, p, &text, &len);
  if (p) mr_fill_str(&json->fill, dst, text, len);
  return p;
}

const char *mr_json_take_long_code(const struct mr_codes *codes, const char *p, uint8_t *dst) {
  bool escaped;
  const char *end = mr_json_skip_string(p, &escaped);
  if (!end || escaped) return NULL;
  int32_t code = mr_codes_find(codes, p, (uint32_t)(end - p));
  if (code < 0) return NULL;
  *dst = (uint8_t)code;
  return end + 1;
}

const char *mr_json_take_other_code(const struct mr_codes *codes, const char *p, uint8_t *dst) {
  uint32_t quotes = mr_scan_quotes(p);
  if (__builtin_expect(!quotes, 0)) return mr_json_take_long_code(codes, p, dst);
  uint32_t len = (uint32_t)__builtin_ctz(quotes);
  uint64_t low;
  struct mr_scan_entry entry = mr_scan_entry(p, len, &low);
  for (uint64_t i = mr_codes_slot(codes, low);; i = (i + 1) & codes->mask) {
    if (__builtin_expect(mr_scan_entry_equal(entry, codes->entries[i]), 1)) {
      *dst = codes->codes[i];
      return p + len + 1;
    }
    if (codes->entries[i][15] == 0xff) return NULL;
  }
}

const char *mr_json_take_other_time(struct mr_day *day, const char *p, int64_t *dst) {
  const char *end = mr_scan_string(p);
  if (*end != '"' || mr_timestamp_parse(p, (size_t)(end - p), dst) != 0) return NULL;
  if (end[-1] == 'Z') mr_day_learn(day, p, *dst);
  return end + 1;
}

static const char *take_text_time(const struct mr_fill_col *col, uint8_t kind, const char *p,
                                  int64_t *dst) {
  const char *end = mr_scan_string(p);
  if (*end != '"') return NULL;
  size_t len = (size_t)(end - p);
  int rc = kind == MR_VALUE_PATTERN ? mr_time_pattern_parse(col->pattern, p, len, dst)
                                    : mr_duration_parse_us(p, len, dst);
  return rc == 0 ? end + 1 : NULL;
}

/* A time that may have several formats. */
static const char *take_time_text(struct mr_json *json, const struct mr_fill_col *col,
                                  const char *p, int64_t *dst) {
  if (mr_json_rfc3339_first(col)) {
    const char *q = mr_json_take_rfc3339(&json->day, p, dst);
    if (q) return q;
  }
  const char *end = mr_scan_string(p);
  if (*end != '"' || !mr_fill_time_text(col, p, (size_t)(end - p), dst)) return NULL;
  return end + 1;
}

static const char *take_time_number(const struct mr_fill_col *col, const char *p, int64_t *dst) {
  int64_t v;
  p = mr_json_take_int64(p, &v);
  return p && mr_fill_time_number(col, v, dst) ? p : NULL;
}

static const char *skip_blanks(const char *p) {
  while (*p == ' ' || *p == '\t' || *p == '\r') p++;
  return p;
}

static bool is_text(uint8_t kind) {
  return kind == MR_VALUE_STR || kind == MR_VALUE_CODE || kind == MR_VALUE_RFC3339 ||
         kind == MR_VALUE_PATTERN || kind == MR_VALUE_DURATION || kind == MR_JSON_CHECK_STR ||
         kind == MR_JSON_ESCAPED_CODE || kind == MR_JSON_SKIP_STR || kind == MR_JSON_TIME_TEXT;
}

static const char *take_elem(struct mr_json *json, const struct mr_fill_col *col, const char *p,
                             struct mr_json_elem *elem) {
  struct mr_json_value *v = &elem->value;
  elem->null = memcmp(p, "null", 4) == 0;
  if (elem->null) return p + 4;
  if (is_text(col->elem) && *p++ != '"') return NULL;
  switch (col->elem) {
  case MR_VALUE_CODE:
    return col->codes->plain ? mr_json_take_code(col->codes, p, &v->code)
                             : mr_json_take_long_code(col->codes, p, &v->code);
  case MR_VALUE_RFC3339: return mr_json_take_rfc3339(&json->day, p, &v->i64);
  case MR_VALUE_STR: return take_text(json, p, &v->str.p, &v->str.len);
  case MR_VALUE_INT64: return mr_json_take_int64(p, &v->i64);
  case MR_VALUE_DOUBLE: return mr_json_take_double(p, &v->f64);
  case MR_VALUE_BOOL: return mr_json_take_bool(p, &v->b);
  case MR_VALUE_UNIX: return mr_json_take_unix(col->unix_us, p, &v->i64);
  case MR_VALUE_TIMES: return NULL;
  default: return take_text_time(col, col->elem, p, &v->i64);
  }
}

/* A list; its elements wait for the commit. */
static const char *take_list(struct mr_json *json, const struct mr_fill_col *col, const char *p,
                             struct mr_list *dst) {
  struct mr_json_list *l = &json->lists[json->list_cnt];
  *l = (struct mr_json_list){dst, col, json->elem_cnt, 0, 0};
  memset(dst, 0, sizeof *dst);
  if (*p != '[') return NULL;
  p = skip_blanks(p + 1);
  if (*p == ']') return p + 1;
  for (;;) {
    if (json->elem_cnt == MR_JSON_ELEMS_MAX) return NULL;
    struct mr_json_elem *elem = &json->elems[json->elem_cnt++];
    p = take_elem(json, col, p, elem);
    if (!p) return NULL;
    l->cnt++;
    l->null_cnt += elem->null;
    p = skip_blanks(p);
    if (*p == ']') break;
    if (*p != ',') return NULL;
    p = skip_blanks(p + 1);
  }
  if (col->needed) json->list_cnt++;
  return p + 1;
}

/* The value of a slot into the row; NULL: it is not what it was. p is behind an opening quote. */
static inline const char *take_value(struct mr_json *json, const struct mr_json_slot *slot,
                                     const char *p, uint32_t row) {
  uint8_t *dst = json->fill.dst[slot->col];
  int64_t *w8 = (int64_t *)(void *)dst + row;
  bool flag;
  switch (slot->kind) {
  case MR_JSON_CHECK_STR:
  case MR_JSON_SKIP_STR: return mr_json_take_checked(p);
  case MR_VALUE_CODE: return mr_json_take_code(slot->codes, p, dst + row);
  case MR_JSON_ESCAPED_CODE: return mr_json_take_long_code(slot->codes, p, dst + row);
  case MR_VALUE_RFC3339: return mr_json_take_rfc3339(&json->day, p, w8);
  case MR_VALUE_STR: return take_str(json, p, (struct mr_str *)(void *)dst + row);
  case MR_VALUE_INT64: return mr_json_take_int64(p, w8);
  case MR_VALUE_DOUBLE: return mr_json_take_double(p, (double *)(void *)w8);
  case MR_VALUE_BOOL:
    p = mr_json_take_bool(p, &flag);
    if (p) mr_fill_bit((uint64_t *)(void *)dst, row, flag);
    return p;
  case MR_VALUE_UNIX: return mr_json_take_unix(json->fill.cols[slot->col].unix_us, p, w8);
  case MR_VALUE_PATTERN:
  case MR_VALUE_DURATION: return take_text_time(&json->fill.cols[slot->col], slot->kind, p, w8);
  case MR_JSON_TIME_TEXT: return take_time_text(json, &json->fill.cols[slot->col], p, w8);
  case MR_JSON_TIME_NUMBER: return take_time_number(&json->fill.cols[slot->col], p, w8);
  case MR_VALUE_LIST:
    return take_list(json, &json->fill.cols[slot->col], p, (struct mr_list *)(void *)dst + row);
  default: return mr_json_skip(p, 1);
  }
}

static inline bool text_fits(const struct mr_json_slot *slot, const char *p) {
  struct mr_json_want want = mr_json_want(slot);
  return mr_json_fits(&want, p);
}

/* A null where the slot has a value; p is where its text should be. NULL: something else. */
static const char *take_null(struct mr_json *json, const struct mr_json_template *t,
                             const struct mr_json_slot *slot, const char *p, uint32_t row) {
  uint32_t len = slot->len - slot->quoted;
  if (slot == &t->slots[t->slot_cnt] || memcmp(p, slot->more - MR_SCAN_TEXT, len) != 0 ||
      memcmp(p + len, "null", 4) != 0)
    return NULL;
  if (slot->kind < MR_JSON_SKIP_STR) {
    const struct mr_fill_col *col = &json->fill.cols[slot->col];
    if (!col->null_ok && !col->conf->def.given) return NULL;
    if (col->conf->key_cnt > 1) return NULL; /* another key of the column may have a value */
    mr_fill_missing(&json->fill, slot->col, row);
  }
  return p + len + 4;
}

/* Decodes the line at p; the end of its text, or NULL. */
static inline const char *take_line(struct mr_json *json, const struct mr_json_template *t,
                                    const char *p, uint32_t row) {
  const struct mr_json_slot *slot = t->slots, *last = slot + t->slot_cnt;
  for (; slot < last; slot++) {
    const char *q = NULL;
    if (text_fits(slot, p)) q = take_value(json, slot, p + slot->len, row);
    if (__builtin_expect(!q, 0)) q = take_null(json, t, slot, p, row);
    if (!q) return NULL;
    p = q;
  }
  if (!text_fits(slot, p)) return NULL;
  return p + slot->len;
}

/* What is not done for every row: strings on the heap, nulls, fields that the line has not. */
static bool finish_row(struct mr_json *json, const struct mr_json_template *t, const char *p,
                       uint32_t len, uint32_t row) {
  for (uint32_t i = 0; i < t->absent_cnt; i++) mr_fill_missing(&json->fill, t->absent[i], row);
  bool was_empty = json->fill.batch->heap_cnt == 0;
  if (mr_json_commit(json, row, p, len)) return true;
  json->full_at = p;
  json->full_was_empty = was_empty;
  return false;
}

/* The whole line at p, alone; what follows it, or NULL. */
static const char *run_line(struct mr_json *json, const struct mr_json_template *t,
                            const struct mr_lines *lines, const char *p, uint32_t row) {
  json->fill.pend_cnt = json->fill.null_cnt = json->list_cnt = json->elem_cnt = 0;
  json->scratch_used = 0;
  const char *q = take_line(json, t, p, row);
  if (!q) return NULL;
  uint32_t len = (uint32_t)(q - p);
  if (*q == '\r') q++;
  if (*q != '\n' || q == lines->end || len > lines->max_line) return NULL;
  bool extra = t->absent_cnt || json->fill.conf.raw_col >= 0;
  if (extra || (json->fill.pend_cnt | json->fill.null_cnt | json->list_cnt)) {
    if (!finish_row(json, t, p, len, row)) return NULL;
  }
  return q + 1;
}

/* Line i of the group, all of whose values are good and in place; the heap's bytes of its strings
 * are taken off the group's. */
static bool finish_line(struct mr_json *json, const struct mr_json_template *t, uint32_t i,
                        uint32_t row) {
  struct mr_json_group *g = &json->group;
  json->fill.pend_cnt = json->fill.null_cnt = json->list_cnt = 0;
  for (uint32_t k = 0; k < t->slot_cnt && g->heap >> i & 1; k++) {
    if (t->slots[k].kind != MR_VALUE_STR) continue;
    struct mr_str *s = (struct mr_str *)json->fill.dst[t->slots[k].col] + row;
    if (s->len <= MR_STR_INLINE) continue;
    mr_fill_str(&json->fill, s, g->line[0] + s->u.ref.off, s->len);
    g->heap_sz -= s->len;
  }
  return finish_row(json, t, g->line[i], (uint32_t)(g->at[i] - g->line[i]), row);
}

/* Room for all that is left of the group's strings, and for what the copy overwrites behind them;
 * NULL: the heap's last block has not as much. */
static uint8_t *group_heap(struct mr_json *json) {
  const struct mr_batch *b = json->fill.batch;
  uint64_t sz = json->group.heap_sz;
  if (!sz || !b->heap_cnt || mr_align_up(b->heap_used, 8) + sz + MOVE_SLACK > b->heap_last_sz)
    return NULL;
  return mr_batch_heap(json->fill.pool, json->fill.batch, (uint32_t)sz + MOVE_SLACK);
}

/* The lines of the group; how many of them are rows. */
static uint32_t finish_group(struct mr_json *json, const struct mr_json_template *t,
                             const struct mr_lines *lines, uint32_t row) {
  struct mr_json_group *g = &json->group;
  const bool extra = t->absent_cnt || json->fill.conf.raw_col >= 0;
  const uint64_t all = g->cnt == 64 ? UINT64_MAX : (UINT64_C(1) << g->cnt) - 1;
  uint64_t todo = extra ? all : g->bad | g->heap;
  uint32_t got = g->cnt, moved = 0, heap_cnt = 0, heap_end = 0;
  uint8_t *heap = NULL;
  for (; todo; todo &= todo - 1) {
    uint32_t i = (uint32_t)__builtin_ctzll(todo);
    if (!heap && !extra && (heap = group_heap(json))) { /* strings from here on move together */
      moved = i;
      heap_cnt = json->fill.batch->heap_cnt;
      heap_end = json->fill.batch->heap_used;
      todo &= g->bad;
      if (!todo) break;
      i = (uint32_t)__builtin_ctzll(todo);
    }
    bool good = g->bad >> i & 1 ? run_line(json, t, lines, g->line[i], row + i) == g->line[i + 1]
                                : finish_line(json, t, i, row + i);
    if (good) continue;
    got = i;
    break;
  }
  if (heap) {
    size_t used = json->kernels->move(json, t, row, moved, got, heap);
    /* lines that are no rows leave nothing, where nothing came behind them meanwhile */
    if (json->fill.batch->heap_used == heap_end && json->fill.batch->heap_cnt == heap_cnt)
      mr_batch_heap_trim(json->fill.batch, (uint32_t)(g->heap_sz + MOVE_SLACK - used));
  }
  return got;
}

static void put_places(struct mr_json *json, const struct mr_lines *lines, uint64_t line,
                       uint32_t row, uint32_t cnt) {
  const struct mr_json_group *g = &json->group;
  for (uint32_t i = 0; i < cnt; i++) {
    json->fill.row_pos[row + i] = lines->pos + (uint64_t)(g->line[i] - lines->p);
    json->fill.row_line[row + i] = line + i;
  }
}

/* How many lines to take together next, after a group of which `got` were rows: where many fit
 * another template or none, lines are taken alone for a while, twice as long each time. */
static void note_group(struct mr_json *json, uint32_t got) {
  const struct mr_json_group *g = &json->group;
  if (got < g->cnt / 2 && (uint32_t)__builtin_popcountll(g->bad) > g->cnt / 4) {
    json->alone = json->alone_next;
    json->alone_next = json->alone_next < ALONE_MAX ? json->alone_next * 2 : ALONE_MAX;
    json->group_max = GROUP_MIN;
    return;
  }
  if (got == g->cnt) json->alone_next = ALONE_MIN;
  json->group_max = got < g->cnt ? got : json->group_max * 2;
  if (json->group_max < GROUP_MIN) json->group_max = GROUP_MIN;
  if (json->group_max > MR_JSON_GROUP) json->group_max = MR_JSON_GROUP;
}

/* Up to max lines from p on into rows from `row` on: how many are rows; the group says how many
 * were looked at. */
static uint32_t take_lines(struct mr_json *json, const struct mr_json_template *t,
                           const struct mr_lines *lines, const char *p, uint32_t row,
                           uint32_t max) {
  struct mr_json_group *g = &json->group;
  if (!t->grouped || json->alone) {
    json->alone -= json->alone != 0;
    g->cnt = 1;
    g->line[0] = p;
    g->line[1] = run_line(json, t, lines, p, row);
    return g->line[1] != NULL;
  }
  json->kernels->find(g, p, lines->end, max < json->group_max ? max : json->group_max);
  if (!g->cnt) return 0;
  json->kernels->take(json, t, g, row);
  uint32_t got = finish_group(json, t, lines, row);
  note_group(json, got);
  return got;
}

/* Lines from lines->p on while they fit the template; the next row. */
static uint32_t run_template(struct mr_json *json, const struct mr_json_template *t,
                             struct mr_lines *lines, uint32_t row, uint32_t row_max) {
  struct mr_json_group *g = &json->group;
  const char *p = lines->p;
  uint64_t line = lines->line;
  g->max_line = lines->max_line;
  while (row < row_max && p < lines->end) {
    uint32_t got = take_lines(json, t, lines, p, row, row_max - row);
    if (json->fill.row_pos) put_places(json, lines, line, row, got);
    p = g->line[got];
    row += got;
    line += got;
    if (!got || got < g->cnt) break;
  }
  lines->pos += (uint64_t)(p - lines->p);
  lines->line = line;
  if (p != lines->p) lines->scanned = 0;
  lines->p = (char *)(uintptr_t)p;
  return row;
}

uint32_t mr_json_templates_run(struct mr_json *json, struct mr_lines *lines, uint32_t row,
                               uint32_t row_max) {
  if (lines->first || lines->skipping) return row;
  uint32_t from = row;
  uint64_t pos = lines->pos, line = lines->line;
  for (uint32_t i = 0; i < json->template_cnt && row < row_max; i++) {
    uint32_t next = run_template(json, &json->templates[i], lines, row, row_max);
    if (next == row) continue;
    row = next;
    if (i == 0) continue;
    struct mr_json_template used = json->templates[i];
    memmove(&json->templates[1], &json->templates[0], i * sizeof used);
    json->templates[0] = used;
    i = UINT32_MAX; /* the newest first */
  }
  if (from == 0 && row) {
    json->fill.batch->pos = pos;
    json->fill.batch->line = line;
  }
  json->counts.template_rows += row - from;
  json->credit += row - from;
  json->hits += row - from;
  if (json->credit > CREDIT_MAX) json->credit = CREDIT_MAX;
  return row;
}

/* ---- learning ---- */

void mr_json_templates_init(struct mr_json *json, struct mr_arena *arena) {
  for (uint32_t i = 0; i <= MR_JSON_TEMPLATES; i++) {
    struct mr_json_template *t = &json->templates[i];
    t->slots = MR_NEW(arena, struct mr_json_slot, MR_JSON_SLOTS_MAX + 1);
    t->absent = MR_NEW(arena, uint16_t, json->fill.col_cnt + 1);
    t->text = MR_NEW(arena, char, MR_JSON_TEXT_SZ);
  }
  json->credit = CREDIT_MAX;
  mr_day_init(&json->day);
  json->group_max = MR_JSON_GROUP;
  json->alone_next = ALONE_MIN;
  json->kernels = json->fill.conf.isa == MR_ISA_V4   ? &mr_json_kernels_v4
                  : json->fill.conf.isa == MR_ISA_V3 ? &mr_json_kernels_v3
                                                     : &mr_json_kernels_v2;
}

/* Ends the slot's text: `len` bytes from p, and the quote that a value of this kind begins with. */
static bool set_text(struct mr_json_template *t, const char *p, size_t len, bool quote) {
  struct mr_json_slot *slot = &t->slots[t->slot_cnt];
  size_t whole = len + quote;
  if (t->text_used + whole > MR_JSON_TEXT_SZ || whole > TEXT_MAX) return false;
  char *text = t->text + t->text_used;
  memcpy(text, p, len);
  if (quote) text[len] = '"';
  t->text_used += (uint32_t)whole;
  mr_scan_text_set(&slot->text, text, (uint32_t)whole);
  slot->more = text + MR_SCAN_TEXT;
  slot->len = (uint16_t)whole;
  slot->quoted = quote;
  return true;
}

/* What the slot does with the value at p of the key; false: the line makes no template. */
static bool set_kind(struct mr_json *json, struct mr_json_slot *slot, const char *name,
                     uint32_t len, const char *p) {
  const struct mr_json_key *key = mr_json_key_find(json, name, len);
  slot->kind = *p == '"' ? MR_JSON_SKIP_STR : MR_JSON_SKIP_ANY;
  slot->col = 0;
  if (!key) return true;
  struct mr_json_cell *cell = &json->cells[key->col];
  /* another key has the value as long as it is there; one before it that is null may have it in
   * the next line */
  if (cell->state == MR_JSON_VALUE && key->rank > cell->rank) return true;
  if (key->rank != cell->rank) return false;
  if (cell->slotted) return false; /* the same field twice */
  cell->slotted = true;
  if (!json->fill.cols[key->col].checked) return true;
  slot->kind = json->fill.cols[key->col].kind;
  slot->col = (uint16_t)key->col;
  slot->codes = json->fill.cols[key->col].codes;
  if (slot->kind == MR_VALUE_CODE && !slot->codes->plain) slot->kind = MR_JSON_ESCAPED_CODE;
  if (slot->kind == MR_VALUE_TIMES)
    slot->kind = *p == '"' ? MR_JSON_TIME_TEXT : MR_JSON_TIME_NUMBER;
  if (slot->kind == MR_VALUE_STR && !json->fill.cols[key->col].needed)
    slot->kind = MR_JSON_CHECK_STR;
  return true;
}

/* Slots of the object's fields from p on, behind the opening brace; f is where the first text
 * begins. */
static bool learn_fields(struct mr_json *json, struct mr_json_template *t, const char *f,
                         const char *end) {
  const char *p = skip_blanks(skip_blanks(f) + 1);
  while (*p != '}') {
    bool escaped;
    const char *name = p + 1, *name_end = mr_json_skip_string(name, &escaped);
    if (!name_end || escaped || t->slot_cnt == MR_JSON_SLOTS_MAX) return false;
    p = skip_blanks(skip_blanks(name_end + 1) + 1); /* the colon */
    struct mr_json_slot *slot = &t->slots[t->slot_cnt];
    if (!set_kind(json, slot, name, (uint32_t)(name_end - name), p)) return false;
    if (!set_text(t, f, (size_t)(p - f), is_text(slot->kind))) return false;
    t->slot_cnt++;
    f = mr_json_skip(p, 1);
    if (!f) return false;
    p = skip_blanks(f);
    if (*p == ',') p = skip_blanks(p + 1);
  }
  /* where a line ends in two \r, which of them is data would be unclear */
  return end[-1] != '\r' && set_text(t, f, (size_t)(end - f), false);
}

static bool same_template(const struct mr_json_template *a, const struct mr_json_template *b) {
  return a->slot_cnt == b->slot_cnt && a->text_used == b->text_used &&
         memcmp(a->text, b->text, a->text_used) == 0;
}

static bool is_grouped(const struct mr_json *json, const struct mr_json_slot *slot) {
  if (slot->kind == MR_JSON_TIME_TEXT) return mr_json_rfc3339_first(&json->fill.cols[slot->col]);
  return slot->kind != MR_VALUE_LIST && slot->kind != MR_VALUE_PATTERN &&
         slot->kind != MR_VALUE_DURATION && slot->kind != MR_JSON_ESCAPED_CODE &&
         slot->kind != MR_JSON_TIME_NUMBER;
}

void mr_json_templates_learn(struct mr_json *json, const struct mr_line *line) {
  if (json->rest) { /* behind it the first line is learned, so that the next ones can fit */
    if (!--json->rest && json->credit < RETRY_CREDIT) json->credit = RETRY_CREDIT;
    return;
  }
  if (++json->misses == MISSES) {
    json->rest = json->hits < HITS_MIN ? REST_LINES : 0;
    json->hits = json->misses = 0;
  }
  if (json->credit < LEARN_COST) {
    if (++json->since_stop < RETRY_LINES) return;
    json->since_stop = 0;
    json->credit = RETRY_CREDIT;
  }
  json->credit -= LEARN_COST;
  struct mr_json_template *t = &json->templates[MR_JSON_TEMPLATES];
  t->slot_cnt = t->absent_cnt = t->text_used = 0;
  for (uint32_t c = 0; c < json->fill.col_cnt; c++) json->cells[c].slotted = false;
  if (!learn_fields(json, t, line->p, line->p + line->len)) return;
  for (uint32_t c = 0; c < json->fill.col_cnt; c++) {
    if (json->fill.cols[c].checked && !json->cells[c].slotted)
      t->absent[t->absent_cnt++] = (uint16_t)c;
  }
  t->grouped = true;
  for (uint32_t i = 0; i < t->slot_cnt; i++) t->grouped &= is_grouped(json, &t->slots[i]);
  for (uint32_t i = 0; i < json->template_cnt; i++)
    if (same_template(t, &json->templates[i])) return;
  /* the newest first; the one that was used longest ago becomes the scratch */
  struct mr_json_template made = *t;
  uint32_t keep =
      json->template_cnt < MR_JSON_TEMPLATES ? json->template_cnt : MR_JSON_TEMPLATES - 1;
  *t = json->templates[keep];
  memmove(&json->templates[1], &json->templates[0], keep * sizeof made);
  json->templates[0] = made;
  json->template_cnt = keep + 1;
  json->counts.learned++;
}
