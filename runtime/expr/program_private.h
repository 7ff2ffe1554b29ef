/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_EXPR_PROGRAM_PRIVATE_H
#define MR_EXPR_PROGRAM_PRIVATE_H

/* A program: nodes in the order of evaluation, each a function over whole columns. A node's
 * operands come before it; a node may have several users. At run time every node has a struct vec:
 * where its result lies. Bit-shaped results (bool values, validity, errors) have memory of their
 * own per node, so the cause of an error can be found after the run; 8- and 16-byte values share a
 * few registers.
 *
 * Contract of a node's function (expr_run_fn): reads the vecs of its operands and sets its own;
 * works on all words of the batch, or, where work per row is dear, on active rows only and leaves
 * zero bytes in the others; bits beyond the last row may be set inside a program and are cleared at
 * its end. Where `err` is set, value and validity mean nothing. */

#include "base/bits.h"
#include "base/limits.h"
#include "expr/ast_private.h"
#include "expr/kernels.h"

/* 0001-01-01 to 9999-12-31T23:59:59.999999: what a timestamp can be written as. */
#define EXPR_TIME_US_MIN (INT64_C(-62135596800) * 1000000)
#define EXPR_TIME_US_MAX (INT64_C(253402300800) * 1000000 - 1)

struct expr_node;
struct expr_run;
typedef void (*expr_run_fn)(struct expr_run *run, const struct expr_node *node);

/* What a bit register is for. */
struct vec {
  const void *data;
  const uint64_t *valid; /* NULL: all */
  const uint64_t *err;   /* NULL: none */
  /* the node's memory; NULL where it needs none */
  void *out;      /* values: a shared register, or bits of its own */
  uint64_t *vbuf; /* MR_BATCH_WORDS each */
  uint64_t *ebuf;
  uint64_t *ebuf2; /* rows with the node's second kind of error */
};

struct expr_str { /* a constant string in the arena */
  const char *text;
  uint32_t len;
};

struct expr_node {
  expr_run_fn run; /* NULL: a constant */
  uint32_t idx;    /* in the program; its vec */
  enum mr_type type;
  enum mr_type elem;
  const struct mr_enum *codes; /* a string by codes, or list elements by codes */
  bool maybe_null, can_fail;
  bool makes_strings;     /* in scratch */
  bool is_const, is_null; /* is_null: a constant NULL */
  bool broadcast;         /* a constant that someone reads as a whole vector */
  bool live;              /* reached from the root */
  bool is_volatile;       /* reads rows or the clock: never folded */
  bool try_it;            /* its own errors are NULL */
  uint8_t op;
  uint8_t negated;
  int32_t col;  /* a column itself, else -1 */
  uint32_t reg; /* index of a wide register */
  uint32_t last_use;
  uint32_t off, len; /* source span */
  int code, code2;   /* of the node's own error values */
  uint32_t arg_cnt;
  struct expr_node **args;
  /* constants and parameters */
  int64_t i;
  double d;
  struct expr_str s;
  const void *param; /* by run: a pattern, a table, a set */
};

struct mr_expr_prog {
  struct expr_node **nodes;
  uint32_t node_cnt;
  struct expr_node *root;
  uint32_t reg8_cnt, reg16_cnt; /* wide registers: of 8 and of 16 bytes a row */
  bool makes_strings;
  const char *text;
};

struct mr_expr_slot {
  const struct mr_expr *expr;
  struct vec *vecs;       /* by node */
  uint64_t *result_valid; /* masks of the result */
  uint64_t *result_err;
  void *result;     /* a copy of the result where rows must be zeroed in place */
  uint32_t row_cnt; /* of the last evaluation */
};

struct expr_run {
  struct vec *vecs;
  const struct mr_expr_kernels *k;
  uint8_t *base; /* of the region: what string views are relative to */
  const struct mr_view *view;
  const uint64_t *active; /* rows that matter */
  uint32_t words, row_cnt;
  uint32_t rows64; /* row_cnt up to whole words */
  int64_t now_us;
  bool now_alone;
  uint8_t *scratch;
  uint64_t scratch_sz, scratch_used;
};

static inline struct vec *run_vec(struct expr_run *run, const struct expr_node *n) {
  return &run->vecs[n->idx];
}
static inline struct vec *run_arg(struct expr_run *run, const struct expr_node *n, uint32_t i) {
  return &run->vecs[n->args[i]->idx];
}

static inline bool vec_bit(const uint64_t *map, uint32_t row, bool absent) {
  return map ? mr_bit_get(map, row) : absent;
}

/* len bytes of scratch for strings, aligned to 1; NULL when it is full. */
static inline char *run_scratch(struct expr_run *run, uint64_t len) {
  if (len > run->scratch_sz - run->scratch_used) return NULL;
  char *p = (char *)run->scratch + run->scratch_used;
  run->scratch_used += len;
  return p;
}

/* ---- run.c: what all strict functions share ---- */

/* Sets validity and errors of n's result from all operands: NULL in, NULL out; error in, error out.
 */
void run_strict(struct expr_run *run, const struct expr_node *n);
/* The rows on which a strict function has work to do: active, valid, no error. Returns words in
 * buf. */
const uint64_t *run_work(struct expr_run *run, const struct expr_node *n,
                         uint64_t buf[MR_BATCH_WORDS]);
/* Adds error rows (masked with run_work) to n's result; NULL where the node says try_it. */
void run_raise(struct expr_run *run, const struct expr_node *n, const uint64_t *rows);
/* The same and notes that they are of the second kind (code2). */
void run_raise2(struct expr_run *run, const struct expr_node *n, const uint64_t *rows);
/* Clears the validity of rows. */
void run_nullify(struct expr_run *run, const struct expr_node *n, const uint64_t *rows);

/* ---- node functions, by file ---- */

/* run.c */
void run_column(struct expr_run *run, const struct expr_node *n);
void run_decode(struct expr_run *run, const struct expr_node *n); /* enum codes to strings */
void run_now(struct expr_run *run, const struct expr_node *n);
void run_ingest_time(struct expr_run *run, const struct expr_node *n);
void run_record_offset(struct expr_run *run, const struct expr_node *n);

/* run_logic.c */
void run_and(struct expr_run *run, const struct expr_node *n);
void run_or(struct expr_run *run, const struct expr_node *n);
void run_not(struct expr_run *run, const struct expr_node *n);
void run_is_null(struct expr_run *run, const struct expr_node *n); /* negated */
void run_is_bool(struct expr_run *run, const struct expr_node *n); /* op, negated */
void run_select(struct expr_run *run, const struct expr_node *n);  /* cond, then, else */
void run_coalesce(struct expr_run *run, const struct expr_node *n);
void run_nullif(struct expr_run *run, const struct expr_node *n);   /* equal, value */
void run_distinct(struct expr_run *run, const struct expr_node *n); /* equal, a, b; negated */
void run_extreme(struct expr_run *run,
                 const struct expr_node *n); /* a greater b, a, b: NULLs left out */

/* run_compare.c: op is enum cmp_op; the second operand may be a constant */
void run_cmp_i64(struct expr_run *run, const struct expr_node *n);
void run_cmp_f64(struct expr_run *run, const struct expr_node *n);
void run_cmp_str(struct expr_run *run, const struct expr_node *n);
void run_cmp_bool(struct expr_run *run, const struct expr_node *n);
void run_cmp_code(struct expr_run *run,
                  const struct expr_node *n); /* EQ and NE, one list of codes */
void run_code_set(struct expr_run *run, const struct expr_node *n); /* param: struct mr_code_set */
void run_in_i64(struct expr_run *run, const struct expr_node *n);   /* param: struct expr_set */
void run_in_f64(struct expr_run *run, const struct expr_node *n);
void run_in_str(struct expr_run *run, const struct expr_node *n);
void run_like(struct expr_run *run,
              const struct expr_node *n); /* param: struct expr_like, or 2 args */
void run_text_test(struct expr_run *run, const struct expr_node *n); /* op: enum text_test */

/* run_number.c */
void run_arith_i64(struct expr_run *run, const struct expr_node *n); /* op: + - * */
void run_arith_f64(struct expr_run *run, const struct expr_node *n); /* op: + - * / */
void run_div_i64(struct expr_run *run, const struct expr_node *n);   /* op: / whole, % rest */
void run_div_f64(struct expr_run *run, const struct expr_node *n);   /* op: the same of doubles */
void run_neg_i64(struct expr_run *run, const struct expr_node *n);
void run_neg_f64(struct expr_run *run, const struct expr_node *n);
void run_abs_i64(struct expr_run *run, const struct expr_node *n);
void run_time_add(struct expr_run *run,
                  const struct expr_node *n); /* op: + -; a timestamp comes out */
void run_scale_duration(struct expr_run *run, const struct expr_node *n); /* duration op double */
void run_i64_to_f64(struct expr_run *run, const struct expr_node *n);

/* run_math.c */
void run_math_f64(struct expr_run *run, const struct expr_node *n);  /* op: enum math_op */
void run_log_f64(struct expr_run *run, const struct expr_node *n);   /* op: enum log_op; NULL where
                                                                        there is no logarithm */
void run_whole_f64(struct expr_run *run, const struct expr_node *n); /* op: MATH_FLOOR, MATH_CEIL */
void run_round_i64(struct expr_run *run, const struct expr_node *n); /* value, digits; op: enum
                                                                        round_op */
void run_round_f64(struct expr_run *run, const struct expr_node *n);
void run_bits_i64(struct expr_run *run, const struct expr_node *n); /* op: enum bit_op */
void run_factorial(struct expr_run *run, const struct expr_node *n);
void run_width_bucket(struct expr_run *run, const struct expr_node *n);
void run_is_nan(struct expr_run *run, const struct expr_node *n);

/* x to so many digits behind the point, on its shortest decimal text; op: enum round_op. */
double expr_round(uint8_t op, double x, int64_t digits);

/* run_cast.c */
void run_cast(struct expr_run *run, const struct expr_node *n); /* op: enum cast_op; negated: try */

/* run_string.c */
void run_concat(struct expr_run *run, const struct expr_node *n);
void run_case_map(struct expr_run *run, const struct expr_node *n);  /* op: 1 upper, 0 lower */
void run_length(struct expr_run *run, const struct expr_node *n);    /* op: 0 characters, 1 bytes,
                                                                        2 bits */
void run_substring(struct expr_run *run, const struct expr_node *n); /* op: enum substring_op */
void run_trim(struct expr_run *run, const struct expr_node *n); /* op: 1 left, 2 right, 3 both */
void run_replace(struct expr_run *run, const struct expr_node *n);
void run_position(struct expr_run *run, const struct expr_node *n); /* text, part */

/* run_list.c */
void run_size(struct expr_run *run, const struct expr_node *n);
void run_element(struct expr_run *run, const struct expr_node *n); /* list, index; i: what it counts
                                                                      from, less 1 */
void run_array_contains(struct expr_run *run, const struct expr_node *n);
void run_array_position(struct expr_run *run, const struct expr_node *n);
void run_extreme_word(struct expr_run *run, const struct expr_node *n); /* op: '<' least, '>' */
void run_extreme_str(struct expr_run *run, const struct expr_node *n);
void run_sum_whole(struct expr_run *run, const struct expr_node *n);
void run_sum_double(struct expr_run *run, const struct expr_node *n);
void run_array_join(struct expr_run *run,
                    const struct expr_node *n); /* list, separator, for NULL */

/* run_array.c */
void run_array(struct expr_run *run, const struct expr_node *n);
void run_split(struct expr_run *run,
               const struct expr_node *n); /* param: expr_pattern; text, limit */
void run_regexp_extract_all(struct expr_run *run, const struct expr_node *n);
void run_array_filter(struct expr_run *run, const struct expr_node *n); /* op: enum array_op */
void run_reverse_list(struct expr_run *run, const struct expr_node *n);
void run_slice(struct expr_run *run, const struct expr_node *n);
void run_concat_lists(struct expr_run *run, const struct expr_node *n);
void run_array_add(struct expr_run *run, const struct expr_node *n); /* op: 0 behind, 1 before */
void run_sort_list(struct expr_run *run, const struct expr_node *n); /* op: enum sort_op */
void run_sequence(struct expr_run *run, const struct expr_node *n);
void run_arrays_overlap(struct expr_run *run, const struct expr_node *n);

/* run_text.c */
void run_pad(struct expr_run *run, const struct expr_node *n); /* op: 0 left, 1 right */
void run_repeat(struct expr_run *run, const struct expr_node *n);
void run_space(struct expr_run *run, const struct expr_node *n);
void run_reverse(struct expr_run *run, const struct expr_node *n);
void run_initcap(struct expr_run *run, const struct expr_node *n);
void run_translate(struct expr_run *run, const struct expr_node *n);
void run_overlay(struct expr_run *run, const struct expr_node *n);
void run_split_part(struct expr_run *run, const struct expr_node *n);
void run_substring_index(struct expr_run *run, const struct expr_node *n);
void run_locate(struct expr_run *run, const struct expr_node *n); /* part, text, from */
void run_ascii(struct expr_run *run, const struct expr_node *n);
void run_chr(struct expr_run *run, const struct expr_node *n);
void run_levenshtein(struct expr_run *run, const struct expr_node *n);
void run_concat_ws(struct expr_run *run, const struct expr_node *n);

/* run_code.c */
void run_hex_text(struct expr_run *run, const struct expr_node *n);
void run_number_text(struct expr_run *run, const struct expr_node *n); /* to the base n->i */
void run_unhex(struct expr_run *run, const struct expr_node *n);
void run_base64(struct expr_run *run, const struct expr_node *n);
void run_unbase64(struct expr_run *run, const struct expr_node *n);
void run_url_encode(struct expr_run *run, const struct expr_node *n);
void run_url_decode(struct expr_run *run, const struct expr_node *n);
void run_conv(struct expr_run *run, const struct expr_node *n);
void run_md5(struct expr_run *run, const struct expr_node *n);
void run_sha1(struct expr_run *run, const struct expr_node *n);
void run_sha2(struct expr_run *run, const struct expr_node *n); /* text, bits */
void run_crc32(struct expr_run *run, const struct expr_node *n);
void run_xxhash64(struct expr_run *run, const struct expr_node *n);

/* run_format.c */
void run_format_number(struct expr_run *run, const struct expr_node *n); /* value, digits */
void run_format_string(struct expr_run *run, const struct expr_node *n); /* param: expr_format */
struct expr_format_item {
  const char *text; /* conv 0: len bytes as they are */
  uint32_t len;
  char conv; /* s d x X o f e b c */
  bool left, zero, plus, blank, comma;
  int32_t width, precision; /* precision -1: none given */
  uint32_t arg;             /* the operand */
};
struct expr_format {
  const struct expr_format_item *items;
  uint32_t cnt;
};

/* run_time.c */
void run_date_format(struct expr_run *run, const struct expr_node *n); /* param: mr_time_pattern */
void run_parse_time(struct expr_run *run, const struct expr_node *n);  /* param: mr_time_pattern */
void run_date_trunc(struct expr_run *run, const struct expr_node *n);  /* op: enum time_field */
void run_extract(struct expr_run *run, const struct expr_node *n);     /* op: enum time_field */
void run_time_scale(struct expr_run *run, const struct expr_node *n);  /* op '*' or '/': by n->i */

/* run_calendar.c */
void run_extract_duration(struct expr_run *run,
                          const struct expr_node *n); /* op: enum time_field */
void run_name_of_day(struct expr_run *run, const struct expr_node *n);
void run_name_of_month(struct expr_run *run, const struct expr_node *n);
void run_make_timestamp(struct expr_run *run, const struct expr_node *n); /* 3 or 6 operands */
void run_make_duration(struct expr_run *run, const struct expr_node *n);  /* days, hours, ... */
void run_add_days(struct expr_run *run, const struct expr_node *n); /* a date plus (op '+') days */
void run_add_months(struct expr_run *run, const struct expr_node *n); /* op 1: keep the time of day;
                                                                         by n->i months each */
void run_add_units(struct expr_run *run,
                   const struct expr_node *n); /* a time, a count of n->i us */
void run_day_count(struct expr_run *run, const struct expr_node *n);   /* end, start */
void run_month_count(struct expr_run *run, const struct expr_node *n); /* start, end, in n->i */
void run_unit_count(struct expr_run *run, const struct expr_node *n);  /* the same, n->i us each */
void run_months_between(struct expr_run *run, const struct expr_node *n);
void run_last_day(struct expr_run *run, const struct expr_node *n);
void run_next_day(struct expr_run *run, const struct expr_node *n);
void run_date_bin(struct expr_run *run, const struct expr_node *n); /* width, time, origin */
/* Number of a weekday's name, 0 Monday; -1: it is none. */
int expr_weekday(const char *s, uint32_t len);

enum array_op { ARRAY_DISTINCT, ARRAY_REMOVE, ARRAY_COMPACT };
enum sort_op { SORT_UP, SORT_UP_NULLS_LAST, SORT_DOWN }; /* NULLs first, last, last */
enum text_test { TEXT_STARTS, TEXT_ENDS, TEXT_CONTAINS };
enum substring_op { SUBSTRING_FROM, SUBSTRING_LEFT, SUBSTRING_RIGHT };
enum math_op { /* of doubles */
               MATH_ABS,
               MATH_SIGN,
               MATH_FLOOR,
               MATH_CEIL,
               MATH_RINT,
               MATH_SQRT,
               MATH_CBRT,
               MATH_EXP,
               MATH_EXPM1,
               MATH_SIN,
               MATH_COS,
               MATH_TAN,
               MATH_COT,
               MATH_SEC,
               MATH_CSC,
               MATH_ASIN,
               MATH_ACOS,
               MATH_ATAN,
               MATH_SINH,
               MATH_COSH,
               MATH_TANH,
               MATH_ASINH,
               MATH_ACOSH,
               MATH_ATANH,
               MATH_DEGREES,
               MATH_RADIANS,
               MATH_POW, /* two operands from here on */
               MATH_ATAN2,
               MATH_HYPOT,
               MATH_CNT
};
enum log_op { LOG_E, LOG_10, LOG_2, LOG_1P, LOG_BASE };
enum round_op { ROUND_HALF_UP, ROUND_HALF_EVEN, ROUND_DOWN, ROUND_FLOOR, ROUND_CEIL };
enum bit_op {
  BIT_AND,
  BIT_OR,
  BIT_XOR,
  BIT_NOT,
  BIT_LEFT,
  BIT_RIGHT,
  BIT_RIGHT_ZERO,
  BIT_COUNT,
  BIT_GET
};
enum time_field {
  FIELD_YEAR,
  FIELD_QUARTER,
  FIELD_MONTH,
  FIELD_WEEK,
  FIELD_DAY,
  FIELD_HOUR,
  FIELD_MINUTE,
  FIELD_SECOND,
  FIELD_MILLISECOND,
  FIELD_MICROSECOND,
  FIELD_DAYOFWEEK, /* 1 Sunday, as in Spark */
  FIELD_DOW,       /* 0 Sunday, as in PostgreSQL */
  FIELD_ISODOW,    /* 1 Monday */
  FIELD_DAYOFYEAR,
  FIELD_ISOYEAR,      /* of the ISO week */
  FIELD_WEEKDAY,      /* 0 Monday */
  FIELD_SECOND_EXACT, /* double */
  FIELD_EPOCH         /* double */
};
enum cast_op {
  CAST_STR_INT,
  CAST_STR_DOUBLE,
  CAST_STR_BOOL,
  CAST_STR_TIMESTAMP,
  CAST_STR_DURATION,
  CAST_DOUBLE_INT,
  CAST_BOOL_INT,
  CAST_BOOL_DOUBLE,
  CAST_INT_BOOL,
  CAST_DOUBLE_BOOL,
  CAST_INT_STR,
  CAST_DOUBLE_STR,
  CAST_BOOL_STR,
  CAST_TIMESTAMP_STR,
  CAST_DURATION_STR,
  CAST_TIMESTAMP_INT,
  CAST_TIMESTAMP_DOUBLE,
  CAST_INT_TIMESTAMP,
  CAST_DOUBLE_TIMESTAMP
};

/* ---- set.c: constant sets of IN ---- */

/* Whole numbers sorted, doubles by their keys; strings in an open table. */
struct expr_set {
  const int64_t *keys;
  uint32_t cnt;
  const struct expr_str *strs; /* by slot; text NULL: empty */
  const uint64_t *hashes;
  uint32_t mask;
  bool has_null; /* the list has a NULL: no match is NULL */
};
/* A double as a number of the same order: NaN one value above all, -0 = 0. */
static inline int64_t expr_double_key(double d) {
  int64_t bits;
  if (d != d) return INT64_MAX;
  d += 0.0;
  memcpy(&bits, &d, 8);
  return bits ^ (int64_t)((uint64_t)(bits >> 63) >> 1);
}
struct expr_set *expr_set_numbers(struct mr_arena *arena, const int64_t *keys, uint32_t cnt);
struct expr_set *expr_set_strings(struct mr_arena *arena, const struct expr_str *strs,
                                  uint32_t cnt);

/* ---- like.c ---- */

enum like_kind { LIKE_EXACT, LIKE_PREFIX, LIKE_SUFFIX, LIKE_CONTAINS, LIKE_GENERAL };
struct expr_like {
  enum like_kind kind;
  const char *text; /* without escapes; of LIKE_GENERAL the pattern itself */
  uint32_t len;
};
/* false: the pattern ends in a lone backslash. */
bool expr_like_compile(struct mr_arena *arena, const char *p, uint32_t len, struct expr_like *out);
bool expr_like_match(const struct expr_like *like, const char *s, uint32_t len);
/* The general matcher over the pattern's text. */
bool expr_like_text(const char *p, uint32_t p_len, const char *s, uint32_t s_len);
/* First occurrence of part in s, or -1. */
int64_t expr_find(const char *s, uint32_t len, const char *part, uint32_t part_len);

/* ---- run_regex.c, fn_match.c ---- */

struct expr_regex;
struct expr_piece { /* of a replacement: a text, or a group */
  const char *text;
  uint32_t len;
  int32_t group; /* -1: the text */
};
struct expr_pattern {
  const struct expr_regex *regex;
  uint32_t group; /* the one that is wanted; of a replacement the last one that it names */
  const struct expr_piece *pieces;
  uint32_t piece_cnt;
};
void run_regexp_like(struct expr_run *run, const struct expr_node *n); /* param: expr_pattern */
void run_regexp_extract(struct expr_run *run, const struct expr_node *n);
void run_regexp_substr(struct expr_run *run, const struct expr_node *n);
void run_regexp_instr(struct expr_run *run, const struct expr_node *n);
void run_regexp_count(struct expr_run *run, const struct expr_node *n);
void run_regexp_replace(struct expr_run *run, const struct expr_node *n); /* text, from */

/* ---- unicode.c ---- */

/* Simple case mapping of a code point. */
uint32_t expr_upper(uint32_t cp);
uint32_t expr_lower(uint32_t cp);
/* Decodes one code point of valid UTF-8 and steps over it; malformed bytes come out as themselves.
 */
uint32_t expr_utf8_next(const char **s, const char *end);
uint32_t expr_utf8_put(char *out, uint32_t cp);

/* ---- fields and units of time ---- */
int expr_time_field(const char *s, uint32_t len); /* enum time_field, or -1 */

/* One row's value as text into buf (at least 64 bytes); returns the length. Not for strings. */
uint32_t expr_value_text(enum mr_type type, const void *data, uint32_t row, char *buf);

#endif
