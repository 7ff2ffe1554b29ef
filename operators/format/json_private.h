/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_FORMAT_JSON_PRIVATE_H
#define MR_FORMAT_JSON_PRIVATE_H

/* What the files of the JSON decoder share: templates, and the line that is being read. */

#include "base/bits.h"
#include "format/codes.h"
#include "format/day.h"
#include "format/fill.h"
#include "format/json.h"
#include "format/json_dom.h"
#include "format/scan.h"

#define MR_JSON_TEMPLATES 4u     /* shapes of lines that are kept */
#define MR_JSON_SLOTS_MAX 320u   /* values of a line that a template may have */
#define MR_JSON_TEXT_SZ   16384u /* bytes between the values of a template */
#define MR_JSON_ELEMS_MAX 4096u  /* list elements of a line that a template reads */
#define MR_JSON_GROUP     64u    /* lines that are taken together */

/* Of slots of templates, beside enum mr_value_kind. */
enum mr_json_slot_kind {
  MR_JSON_ESCAPED_CODE = MR_VALUE_CNT, /* one_of with texts that need an escape */
  MR_JSON_TIME_TEXT,                   /* a time with several formats that was a text, */
  MR_JSON_TIME_NUMBER,                 /* or a number */
  MR_JSON_CHECK_STR,                   /* a string column that is only checked */
  MR_JSON_SKIP_STR,                    /* no column: well-formed, as it was */
  MR_JSON_SKIP_ANY
};

struct mr_json_value {
  union {
    bool b;
    uint8_t code;
    int64_t i64;
    double f64;
    struct {
      const char *p;
      uint32_t len;
    } str;
    struct {
      uint32_t tape, cnt, nulls;
    } list;
  };
};

enum mr_json_state { MR_JSON_ABSENT, MR_JSON_NULL, MR_JSON_VALUE };

struct mr_json_cell { /* general path: what a line has for a column, or for one of its keys */
  uint8_t state;
  uint32_t rank; /* which of the column's keys has the value */
  uint32_t tape; /* index of the value */
  bool slotted;  /* learning: the template has a slot for it */
  struct mr_json_value value;
};

struct mr_json_key { /* general path: a name and its column; hash table */
  const char *name;
  uint32_t len;
  uint32_t col, rank;
};

struct mr_json_slot { /* the bytes before a value, and the value */
  struct mr_scan_text text;
  const char *more;             /* bytes of the text beyond MR_SCAN_TEXT */
  uint16_t len;                 /* of the whole text */
  uint8_t kind;                 /* enum mr_value_kind */
  bool quoted;                  /* the text ends with the value's opening quote */
  uint16_t col;                 /* of checked columns */
  const struct mr_codes *codes; /* MR_VALUE_CODE */
};

struct mr_json_template {
  uint32_t slot_cnt, absent_cnt, text_used;
  bool grouped;               /* the kernels know all its values */
  struct mr_json_slot *slots; /* slot_cnt, and one for what follows the last value */
  uint16_t *absent;           /* checked columns that the line has not */
  char *text;
};

struct mr_json_elem { /* of a list that a template reads */
  struct mr_json_value value;
  bool null;
};

struct mr_json_list { /* such a list, for the heap */
  struct mr_list *dst;
  const struct mr_fill_col *col;
  uint32_t first, cnt, null_cnt; /* its elements */
};

/* Lines that are taken together, value by value: the work on one line then does not wait for the
 * work on the line before. */
struct mr_json_group {
  uint32_t cnt, max_line;
  uint64_t bad;     /* bits of lines that have to be looked at alone */
  uint64_t heap_sz; /* bytes of such strings, those of bad lines too */
  uint64_t heap;    /* bits of lines with strings for the heap; meanwhile the offset of such a */
                    /* string from the first line stands in its column */
  const char *at[MR_JSON_GROUP];         /* the next value; in the end: behind the line's text */
  const char *line[MR_JSON_GROUP + 65u]; /* where the lines begin, and what follows the last */
};

/* The loops over lines, for one x86-64 level. */
struct mr_json_kernels {
  /* Finds at most `max` whole lines from p on into group->line and group->cnt. */
  void (*find)(struct mr_json_group *group, const char *p, const char *end, uint32_t max);
  /* Takes the values of the group's lines into rows from `row` on; all of bad, heap, at. */
  void (*take)(struct mr_json *json, const struct mr_json_template *t, struct mr_json_group *group,
               uint32_t row);
  /* Moves strings for the heap of the lines `from` to `to` - 1 that are not bad into the heap at
   * p. The bytes used; up to 63 bytes behind them are overwritten. */
  size_t (*move)(struct mr_json *json, const struct mr_json_template *t, uint32_t row,
                 uint32_t from, uint32_t to, uint8_t *p);
};

struct mr_json {
  struct mr_fill fill;
  struct mr_json_cell *cells;
  struct mr_json_cell *alts; /* of columns with several keys: one per key */
  uint32_t *alt_off;         /* per column: the first of them */
  struct mr_json_key *keys;
  uint32_t key_mask;
  struct mr_json_dom *dom;
  char *scratch; /* unescaped strings, rewritten lines */
  size_t scratch_sz, scratch_used;
  const uint64_t *tape;
  const uint8_t *strings;

  /* the row being made */
  const char *full_at; /* the line whose strings had no room in a template's run, */
  bool full_was_empty; /* and whether the batch's heap was empty before */
  uint32_t list_cnt, elem_cnt;
  struct mr_json_list *lists;
  struct mr_json_elem *elems;

  /* templates */
  struct mr_json_template
      templates[MR_JSON_TEMPLATES + 1]; /* by last use; the last one is scratch */
  uint32_t template_cnt;
  uint32_t credit;       /* learning goes on as long as there is some */
  uint32_t since_stop;   /* good lines of the general path since there is none */
  uint32_t hits, misses; /* good lines that fitted a template and that did not, of late */
  uint32_t rest;         /* lines to go without templates, because few fitted */
  struct mr_day day;
  const struct mr_json_kernels *kernels;
  struct mr_json_group group;
  uint32_t group_max; /* lines to take together next: few when few of the last ones fitted */
  uint32_t alone, alone_next; /* lines to be taken alone before that, now and the next time */

  struct mr_json_counts counts;
};

/* The first and the last up to eight bytes of a name. */
static inline void mr_json_key_words(const char *p, uint32_t len, uint64_t w[2]) {
  w[0] = w[1] = 0;
  if (len >= 8) {
    w[0] = mr_scan_load8(p);
    w[1] = mr_scan_load8(p + len - 8);
  } else if (len >= 4) {
    uint32_t first, last;
    memcpy(&first, p, 4);
    memcpy(&last, p + len - 4, 4);
    w[0] = first | (uint64_t)last << 32;
  } else if (len) {
    w[0] = (uint64_t)(uint8_t)p[0] << 16 | (uint64_t)(uint8_t)p[len / 2] << 8 | (uint8_t)p[len - 1];
  }
}

static inline uint64_t mr_json_key_hash(const char *p, uint32_t len) {
  uint64_t w[2];
  mr_json_key_words(p, len, w);
  uint64_t h = (w[0] ^ (w[1] + len) * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xff51afd7ed558ccd);
  return h ^ h >> 32;
}

static inline bool mr_json_key_equal(const char *a, const char *b, uint32_t len) {
  uint64_t x[2], y[2];
  mr_json_key_words(a, len, x);
  mr_json_key_words(b, len, y);
  return !((x[0] ^ y[0]) | (x[1] ^ y[1])) && (len <= 16 || memcmp(a, b, len) == 0);
}

static inline const struct mr_json_key *mr_json_key_find(const struct mr_json *json, const char *p,
                                                         uint32_t len) {
  uint32_t i = (uint32_t)mr_json_key_hash(p, len) & json->key_mask;
  for (; json->keys[i].name; i = (i + 1) & json->key_mask) {
    if (json->keys[i].len == len && mr_json_key_equal(json->keys[i].name, p, len))
      return &json->keys[i];
  }
  return NULL;
}

/* ---- json.c ---- */

/* mr_fill_commit, and the lists that a template has read. */
bool mr_json_commit(struct mr_json *json, uint32_t row, const char *line, uint32_t len);

/* ---- json_list.c ---- */

/* A list of cnt elements (at least one) in the heap; its values, and its validity or NULL. NULL: no
 * room. */
uint8_t *mr_json_list_open(struct mr_json *json, const struct mr_fill_col *col, uint32_t cnt,
                           uint32_t null_cnt, struct mr_list *out, uint64_t **valid);
/* Element e; v NULL: it is null. False: no room. */
bool mr_json_list_put(struct mr_json *json, const struct mr_fill_col *col, uint8_t *data,
                      uint64_t *valid, uint32_t e, const struct mr_json_value *v);
/* The lists that a template has read. False: no room. */
bool mr_json_list_commit(struct mr_json *json);

/* ---- json_general.c ---- */

/* Decodes the line into the row, all but the commit. False: json->fill.bad has code and cause. */
bool mr_json_general(struct mr_json *json, const struct mr_line *line, uint32_t row, bool *full);

/* ---- json_template.c ---- */

void mr_json_templates_init(struct mr_json *json, struct mr_arena *arena);
/* Decodes lines that fit a template from lines->p on; returns the next row. Stops at the first line
 * that fits none, is not whole, is beyond max_line, or whose strings have no room in the heap. */
uint32_t mr_json_templates_run(struct mr_json *json, struct mr_lines *lines, uint32_t row,
                               uint32_t row_max);
/* Makes a template of a line that the general path has just found good. */
void mr_json_templates_learn(struct mr_json *json, const struct mr_line *line);

/* What the inline functions of json_take.h leave: any text of one_of, those with escapes or more
 * bytes than one look takes, and any RFC 3339 time; the day of a time in UTC is remembered. */
const char *mr_json_take_other_code(const struct mr_codes *codes, const char *p, uint8_t *dst);
const char *mr_json_take_long_code(const struct mr_codes *codes, const char *p, uint8_t *dst);
const char *mr_json_take_other_time(struct mr_day *day, const char *p, int64_t *dst);

/* ---- json_kernels.c, at three levels ---- */

extern const struct mr_json_kernels mr_json_kernels_v2, mr_json_kernels_v3, mr_json_kernels_v4;

/* ---- scalar texts, json_text.c: a value at p, NULL when it is not plainly one ---- */

const char *mr_json_take_int64(const char *p, int64_t *out);
const char *mr_json_take_double(const char *p, double *out);
/* A whole value of any kind, `depth` containers deep around it. */
const char *mr_json_skip(const char *p, uint32_t depth);
/* The closing quote of a string that begins at p, all of it checked; *escaped: it has escapes. */
const char *mr_json_skip_string(const char *p, bool *escaped);
/* Writes the bytes of a checked string [p, end) to out (at most as many); returns their number. */
uint32_t mr_json_unescape(const char *p, const char *end, char *out);
/* Surrogates in the escapes of a line that is otherwise well-formed come in pairs. */
bool mr_json_surrogates_ok(const char *p, size_t len);

#endif
