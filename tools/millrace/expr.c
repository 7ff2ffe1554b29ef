/* SPDX-License-Identifier: Apache-2.0 */
/* expr: one expression over rows from stdin, with the engine's own decoder and compiler. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/text.h"
#include "cmd.h"
#include "expr/expr.h"
#include "format/decode_conf.h"
#include "format/decoder.h"
#include "format/row_text.h"
#include "graph/event_load.h"
#include "host.h"
#include "load.h"

#define BLOCK_SZ  (256u << 10)
#define REGION_SZ (UINT64_C(4) << 30) /* addresses; pages as they are touched */
#define TEXT_MAX  (UINT64_C(256) << 20)

struct eval {
  struct mr_arena arena;
  struct mr_diags diags;
  const char *text, *event_at; /* --event FILE:NAME */
  enum mr_decode_kind kind;
  bool types, raw, fail_on_bad, now_given;
  int64_t now_us;
  const struct mr_event *event;
  const struct mr_schema *schema;
  const struct mr_expr *expr;
  struct mr_region region;
  struct mr_pool pool;
  struct mr_expr_frame frame;
  struct mr_decoder *decoder;
  struct mr_lines lines;
  struct mr_col *cols;
  char *out; /* one value as text */
  size_t out_sz;
  uint64_t rows, bad;
};

/* ---- the expression ---- */

static void report(struct eval *ev, const struct mr_source *src,
                   const struct mr_expr_errors *errors) {
  for (const struct mr_expr_error *e = errors->first; e; e = e->next) {
    struct mr_span at = mr_span_make(src, e->off, e->len);
    struct mr_diag *d = e->warning ? mr_diag_warning(&ev->diags, e->code, at, "%s", e->text)
                                   : mr_diag_error(&ev->diags, e->code, at, "%s", e->text);
    if (e->label) mr_diag_label(d, "%s", e->label);
    if (e->note) mr_diag_note(d, mr_span_make(src, e->note_off, e->note_len), "%s", e->note);
    if (e->hint) mr_diag_try(d, "%s", e->hint);
  }
}

static bool load_event(struct eval *ev, const struct mr_ast *ast, const struct mr_source *src) {
  if (ev->event_at) {
    const char *colon = strrchr(ev->event_at, ':');
    const char *file = mr_arena_strndup(&ev->arena, ev->event_at, (size_t)(colon - ev->event_at));
    ev->event = mr_event_load(&ev->arena, file, colon + 1, &ev->diags, &ev->schema);
  } else {
    ev->event = mr_event_any(&ev->arena, ast, src, &ev->diags, &ev->schema);
  }
  return ev->event != NULL;
}

/* Compiles; everything that is wrong is in the diagnostics. */
static bool compile(struct eval *ev) {
  const struct mr_source *src =
      mr_source_make(&ev->arena, "expression", ev->text, strlen(ev->text));
  struct mr_expr_errors errors;
  mr_expr_errors_init(&errors, &ev->arena);
  struct mr_ast *ast = mr_expr_parse(&ev->arena, src->text, src->len, &errors);
  if (ast && load_event(ev, ast, src)) {
    struct mr_expr_scope scope = {.schema = ev->schema,
                                  .name = ev->event_at ? ev->event->name : "the row"};
    ev->expr = mr_expr_compile(&ev->arena, ast, &scope, &errors);
  }
  report(ev, src, &errors);
  if (ev->diags.cnt) fputs(mr_diags_text(&ev->diags, &ev->arena, NULL), stderr);
  return ev->expr != NULL;
}

/* ---- memory ---- */

/* The texts of enum columns as views into the region, which a run would make. */
static int place_enums(struct eval *ev, struct mr_error *err) {
  for (uint32_t c = 0; c < ev->schema->cnt; c++) {
    struct mr_enum *e = (struct mr_enum *)(uintptr_t)ev->schema->fields[c].codes;
    uint64_t sz = 0;
    for (uint32_t i = 0; e && i < e->cnt; i++) sz += sizeof(struct mr_str) + e->lens[i];
    uint64_t off = e ? mr_region_alloc(&ev->region, sz, 16, "enums") : 0;
    if (!e) continue;
    if (!off) return mr_error_set(err, MR_ERR_NOMEM, "no room for enum texts");
    struct mr_str *views = mr_region_ptr(&ev->region, off);
    char *at = (char *)(views + e->cnt);
    for (uint32_t i = 0; i < e->cnt; at += e->lens[i++]) {
      memcpy(at, e->texts[i], e->lens[i]);
      views[i] = mr_str_make(at, e->lens[i], ev->region.base);
    }
    e->views = views;
  }
  return MR_OK;
}

static bool reads(const struct eval *ev, uint32_t c) {
  return ev->expr->reads[c] || (int32_t)c == ev->expr->column;
}

static int open_all(struct eval *ev, struct mr_error *err) {
  uint32_t cnt = ev->schema->cnt;
  bool *own = MR_NEW(&ev->arena, bool, cnt + 1);
  for (uint32_t c = 0; c < cnt; c++) own[c] = reads(ev, c);
  struct mr_schema *schema = MR_NEW(&ev->arena, struct mr_schema, 1);
  *schema = *ev->schema;
  if (schema->event_time >= 0 && !own[schema->event_time]) schema->event_time = -1;
  enum mr_isa isa = mr_isa_detect();
  int rc = mr_region_create(&ev->region, REGION_SZ, MR_HUGE_OFF, err);
  if (!rc) rc = place_enums(ev, err);
  struct mr_pool_conf pool = {.schema = ev->schema,
                              .own = own,
                              .hidden = MR_HAS_POS,
                              .batch_cnt = 1,
                              .block_cnt = MR_HEAP_BLOCKS_MAX,
                              .large_cnt = 1,
                              .large_sz = MR_LINE_MAX_DEFAULT};
  if (!rc) rc = mr_pool_init(&ev->pool, &ev->region, &pool, 0, 0, "rows", err);
  if (!rc)
    rc = mr_expr_frame_init(&ev->frame, &ev->arena, &ev->region, &ev->expr, 1, isa, "values", err);
  if (!rc) rc = mr_region_commit(&ev->region, err);
  struct mr_decode_field *fields;
  if (!rc) rc = mr_decode_fields_read(&ev->arena, ev->event, own, &fields, err);
  if (rc) return rc;
  struct mr_decode_conf conf = {.kind = ev->kind,
                                .csv = {.header = true, .delimiter = ',', .quote = '"'},
                                .schema = schema,
                                .fields = fields,
                                .raw_col = -1,
                                .missing_time_keep = ev->event->missing_time_keep,
                                .max_line = MR_LINE_MAX_DEFAULT,
                                .isa = isa};
  ev->decoder = mr_decoder_create(&ev->arena, &conf, err);
  ev->cols = MR_NEW(&ev->arena, struct mr_col, cnt + 1);
  ev->out_sz = 1u << 16;
  ev->out = malloc(ev->out_sz);
  return ev->decoder ? MR_OK : err->code;
}

static void close_all(struct eval *ev) {
  if (ev->decoder) mr_decoder_destroy(ev->decoder);
  mr_pool_fini(&ev->pool);
  if (ev->region.base) mr_region_destroy(&ev->region);
  free(ev->out);
  mr_arena_free(&ev->arena);
}

/* ---- rows ---- */

/* A value as one line of stdout; a string without quotes with --raw. */
static bool print_value(struct eval *ev, const struct mr_vec *v, uint32_t row) {
  const struct mr_field *field = &ev->expr->field;
  struct mr_col col = {v->data, v->valid};
  if (ev->raw && field->type == MR_TYPE_STRING && !field->codes &&
      (!v->valid || mr_bit_get(v->valid, row))) {
    const struct mr_str *s = (const struct mr_str *)v->data + row;
    fwrite(mr_str_data(s, ev->region.base), 1, s->len, stdout);
    putchar('\n');
    return true;
  }
  size_t len;
  while (!(len = mr_format_value_text(field, ev->region.base, &col, row, ev->out, ev->out_sz))) {
    char *larger = ev->out_sz < TEXT_MAX ? realloc(ev->out, ev->out_sz * 4) : NULL;
    if (!larger) return false;
    ev->out = larger;
    ev->out_sz *= 4;
  }
  fwrite(ev->out, 1, len, stdout);
  putchar('\n');
  return true;
}

/* Evaluates over a view; lines tells the row's number, NULL: there is no row. */
static void evaluate(struct eval *ev, struct mr_view *view) {
  struct mr_clock clock;
  mr_clock_system(&clock);
  ev->frame.now_us = view->now_us = ev->now_given ? ev->now_us : mr_clock_wall_us(&clock);
  mr_expr_frame_reset(&ev->frame);
  struct mr_vec v;
  mr_expr_eval(ev->expr, &ev->frame, view, &v);
  for (uint32_t row = 0; row < view->row_cnt; row++) {
    char cause[MR_EXPR_CAUSE_SZ] = "the value is too large";
    bool is_bad = v.err && mr_bit_get(v.err, row);
    if (!is_bad && print_value(ev, &v, row)) continue;
    int code = is_bad ? mr_expr_cause(ev->expr, &ev->frame, row, cause, sizeof cause) : 3025;
    ev->bad++;
    if (view->row_line)
      fprintf(stderr, "row %llu: MR%04d: %s\n", (unsigned long long)view->row_line[row], code,
              cause);
    else
      fprintf(stderr, "MR%04d: %s\n", code, cause);
  }
}

/* All rows that are whole in the lines. */
static void take_lines(struct eval *ev) {
  enum mr_decode_stop stop = MR_DECODE_ROWS;
  while (stop != MR_DECODE_MORE) {
    struct mr_batch *b = mr_pool_take(&ev->pool);
    uint32_t rows = 0;
    do {
      rows = mr_decoder_run(ev->decoder, &ev->lines, &ev->pool, b, rows, MR_BATCH_ROWS, &stop);
      if (stop != MR_DECODE_BAD) break;
      const struct mr_decode_bad *bad = mr_decoder_bad(ev->decoder);
      ev->bad++;
      ev->rows++;
      fprintf(stderr, "row %llu: %s: %s\n", (unsigned long long)bad->line.line, bad->code,
              bad->cause);
    } while (rows < MR_BATCH_ROWS);
    struct mr_view view = {0};
    if (rows) {
      mr_view_of_batch(&ev->region, b, ev->cols, &view);
      evaluate(ev, &view);
    }
    ev->rows += rows;
    mr_batch_unref(b);
    mr_pool_put(&ev->pool, b);
  }
  fflush(stdout);
}

static int read_rows(struct eval *ev) {
  size_t head = MR_LINES_HEAD(MR_LINE_MAX_DEFAULT);
  char *block = malloc(head + BLOCK_SZ + MR_LINES_PAD);
  if (!block) return MR_EXIT_FAILED;
  mr_lines_init(&ev->lines, MR_LINE_MAX_DEFAULT);
  mr_lines_start(&ev->lines, 0, 1);
  ssize_t n;
  do {
    mr_lines_move(&ev->lines, block + head);
    do n = read(STDIN_FILENO, block + head, BLOCK_SZ);
    while (n < 0 && errno == EINTR);
    if (n < 0) break;
    if (n)
      mr_lines_fill(&ev->lines, (size_t)n);
    else
      mr_lines_end(&ev->lines);
    take_lines(ev);
  } while (n > 0);
  free(block);
  if (n < 0) {
    fprintf(stderr, "millrace expr: cannot read stdin: %s\n", strerror(errno));
    return MR_EXIT_IO;
  }
  return MR_EXIT_OK;
}

static bool needs_rows(const struct eval *ev) {
  for (uint32_t c = 0; c < ev->schema->cnt; c++)
    if (reads(ev, c)) return true;
  return ev->expr->uses_pos;
}

static int run_on_rows(struct eval *ev) {
  struct mr_error err;
  mr_error_clear(&err);
  int rc = open_all(ev, &err);
  if (rc) {
    fprintf(stderr, "millrace expr: %s\n", err.text);
    return mr_host_exit(&err);
  }
  bool rows = needs_rows(ev);
  int code = rows || !isatty(STDIN_FILENO) ? read_rows(ev) : MR_EXIT_OK;
  bool alone = !rows && !ev->rows && !code; /* a constant, and nobody sent rows */
  if (alone) {
    struct mr_view view = {.cols = ev->cols, .row_cnt = 1, .sel_cnt = 1};
    evaluate(ev, &view);
  }
  if (fflush(stdout) || ferror(stdout)) return MR_EXIT_IO;
  return code ? code : ev->bad && (alone || ev->fail_on_bad) ? MR_EXIT_DATA : MR_EXIT_OK;
}

/* ---- the command line ---- */

static int take_flag(struct eval *ev, const char *flag, const char *value) {
  if (!strcmp(flag, "--event")) {
    if (!strchr(value, ':')) return mr_cmd_usage("expr", "--event takes FILE:NAME");
    ev->event_at = value;
  } else if (!strcmp(flag, "--format")) {
    if (strcmp(value, "json") != 0 && strcmp(value, "csv") != 0)
      return mr_cmd_usage("expr", "--format is json or csv, not \"%s\"", value);
    ev->kind = value[0] == 'c' ? MR_DECODE_CSV : MR_DECODE_JSON;
  } else if (!strcmp(flag, "--now")) {
    ev->now_given = true;
    if (mr_timestamp_parse(value, strlen(value), &ev->now_us))
      return mr_cmd_usage("expr", "--now takes a time like 2025-10-13T11:30:00Z");
  } else {
    return mr_cmd_usage("expr", "unknown flag %s", flag);
  }
  return MR_EXIT_OK;
}

/* "-a" and "-1 + 2" are expressions. */
static bool is_text(const char *word) {
  return word[1] != '-' || strchr(word, ' ');
}

static int take_args(struct eval *ev, int argc, char **argv) {
  struct mr_args args = {.argc = argc, .argv = argv};
  bool plain = false; /* behind "--" */
  while (mr_args_next(&args)) {
    if (args.flag && !plain && !strcmp(args.flag, "--")) {
      plain = true;
    } else if (!args.flag || plain || is_text(args.flag)) {
      const char *text = args.flag ? args.flag : args.value;
      if (args.flag && args.value) /* it was cut at its first '=' */
        text = mr_arena_printf(&ev->arena, "%s=%s", args.flag, args.value);
      if (ev->text) return mr_cmd_usage("expr", "one expression at a time; put it in quotes");
      ev->text = text;
    } else if (!strcmp(args.flag, "--types")) {
      ev->types = true;
    } else if (!strcmp(args.flag, "--raw")) {
      ev->raw = true;
    } else if (!strcmp(args.flag, "--fail-on-bad")) {
      ev->fail_on_bad = true;
    } else {
      const char *flag = args.flag, *value = mr_args_value(&args, "expr");
      int rc = value ? take_flag(ev, flag, value) : MR_EXIT_USAGE;
      if (rc) return rc;
    }
  }
  return ev->text ? MR_EXIT_OK : mr_cmd_usage("expr", "which expression?");
}

static int run_expr(int argc, char **argv) {
  struct eval ev = {.kind = MR_DECODE_JSON};
  mr_diags_init(&ev.diags, &ev.arena);
  int rc = take_args(&ev, argc, argv);
  if (!rc && !compile(&ev)) rc = MR_EXIT_CONFIG;
  if (!rc && ev.types) {
    char buf[64];
    bool untyped = ev.expr->field.type == MR_TYPE_NONE; /* a bare NULL */
    puts(untyped ? "null" : mr_field_type_text(&ev.expr->field, buf, sizeof buf));
  } else if (!rc) {
    rc = run_on_rows(&ev);
  }
  close_all(&ev);
  return rc;
}

const struct mr_cmd mr_cmd_expr = {
    "expr", "[FLAGS] 'EXPRESSION' [< ROWS]", "evaluates an expression on rows from stdin",
    "Reads JSON lines and prints the value of each as JSON; a line that is no row and an error "
    "value\n"
    "are said on stderr with the row's number. Columns have the type that the expression asks for, "
    "or\n"
    "that of a declared event. An expression without columns needs no rows. A wrong expression\n"
    "ends 78. `millrace help functions` lists what expressions have.\n"
    "  --event FILE:NAME   rows are the event NAME of a graph file\n"
    "  --format json|csv   how rows are written (json)\n"
    "  --types             print the type of the value, and read nothing\n"
    "  --raw               strings without quotes\n"
    "  --now TIME          what now() and ingest_time() are\n"
    "  --fail-on-bad       end 65 if a row was none, or its value an error\n"
    "  millrace expr 'amount * 1.19' < orders.ndjson\n",
    run_expr};
