/* SPDX-License-Identifier: Apache-2.0 */
/* console: Spark's table on standard output. The rows of one interval (`every`) are one batch; of
 * these only the first `rows` are kept, as texts in memory of a fixed size. Consoles of one graph
 * take turns, in the order in which their timers fired, so no table cuts another and a run under
 * the virtual clock prints the same bytes every time. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/bits.h"
#include "graph/compile.h"
#include "graph/plan.h"
#include "operators/operators.h"
#include "sink/console_text.h"
#include "sink/writer.h"

#define EVERY_US      1000000
#define ROWS_MAX      1000u
#define TEXT_SZ       (UINT64_C(4) << 20) /* of all cells, at least */
#define TURNS         "turns of consoles"
#define RULE          "-------------------------------------------"
#define RULE_LEN      43u
#define COL_WIDTH_MIN 3u
#define PATIENCE      16u

struct console_conf {
  int64_t rows;
  bool truncate;
};

struct console_plan {
  uint32_t col_cnt;
  uint32_t *cols; /* of the input: of a struct its first member, */
  uint32_t *ends; /* and what is behind its last one */
  const char **names;
  uint32_t text_sz; /* bytes of all cells */
};

struct cell {
  uint32_t off, len, width; /* bytes in the text memory; columns on the screen */
};

/* Tickets: who may write a table now. In the region, shared by all consoles of the graph. */
struct turns {
  _Atomic uint32_t next, serving;
};

/* The lines of a table, in order; LINE_ROW stands for all rows. */
enum line {
  LINE_RULE_1,
  LINE_BATCH,
  LINE_RULE_2,
  LINE_TOP,
  LINE_HEAD,
  LINE_MIDDLE,
  LINE_ROW,
  LINE_BOTTOM,
  LINE_MORE,
  LINE_BLANK,
  LINE_CNT
};

struct console {
  struct mr_writer writer;
  struct turns *turns;
  uint32_t ticket;
  struct cell *cells;
  char *text;
  uint32_t text_used;
  uint32_t *widths;
  uint64_t row_cnt;  /* of this batch */
  uint32_t kept_cnt; /* of them */
  uint64_t batch_no;
  bool seen; /* time went on in this interval */
  bool printing;
  uint32_t patience; /* drains left before the table is written */
  enum line line;
  uint32_t row, piece, off; /* inside the table being printed */
};

static const struct mr_opt console_opts[] = {
    {"rows", MR_OPT_INT64, MR_OPT_AT(struct console_conf, rows), .def = "20", .min = 1,
     .max = ROWS_MAX, .unit = "rows", .help = "rows shown of each batch"},
    {"truncate", MR_OPT_BOOL, MR_OPT_AT(struct console_conf, truncate), .def = "true",
     .help = "cut cells to 20 characters and align them right"},
    MR_OPT_END};

/* ---- plan ---- */

static int console_plan(struct mr_op_plan *p) {
  const struct console_conf *conf = p->conf;
  const struct mr_schema *in = p->in;
  struct console_plan *data = MR_NEW(p->arena, struct console_plan, 1);
  data->cols = MR_NEW(p->arena, uint32_t, in->cnt + 1);
  data->ends = MR_NEW(p->arena, uint32_t, in->cnt + 1);
  data->names = MR_NEW(p->arena, const char *, in->cnt + 1);
  for (uint32_t c = in->visible_cnt; c < in->cnt && !data->col_cnt; c++)
    if (strcmp(in->fields[c].name, "raw") == 0) { /* `any`: the line as it came */
      data->cols[data->col_cnt] = c;
      data->ends[data->col_cnt] = c + 1;
      data->names[data->col_cnt++] = "value";
    }
  if (!data->col_cnt)
    for (uint32_t c = 0; c < in->visible_cnt; c = data->ends[data->col_cnt++]) {
      const struct mr_field *f = &in->fields[c];
      uint32_t end = c;
      while (f->outer && !mr_schema_closes(in, end)) end++;
      data->cols[data->col_cnt] = c;
      data->ends[data->col_cnt] = end + 1;
      data->names[data->col_cnt] = f->outer ? f->outer : f->name;
    }
  uint64_t cells = (uint64_t)conf->rows * data->col_cnt;
  uint64_t text = cells * (conf->truncate ? MR_CONSOLE_CUT_SZ : 4 * MR_CONSOLE_CUT_SZ);
  if (!conf->truncate && text < TEXT_SZ) text = TEXT_SZ;
  data->text_sz = (uint32_t)text;
  if (!p->every_us) p->every_us = EVERY_US;
  p->state_max = 2 * MR_WRITER_BUF_SZ + text + cells * sizeof(struct cell);
  p->data = data;
  return MR_OK;
}

static void console_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                         bool *in_need) {
  const struct console_plan *data = p->data;
  (void)out_need;
  for (uint32_t i = 0; i < data->col_cnt; i++)
    for (uint32_t c = data->cols[i]; c < data->ends[i]; c++) in_need[c] = true;
}

/* ---- memory ---- */

/* The turns are laid out by the first console that is made. */
static struct turns *find_turns(struct mr_region *region) {
  for (uint32_t i = 0; i < region->part_cnt; i++)
    if (region->parts[i].label && strcmp(region->parts[i].label, TURNS) == 0)
      return mr_region_ptr(region, region->parts[i].off);
  uint64_t off = mr_region_alloc(region, sizeof(struct turns), MR_CACHE_LINE_PAIR, TURNS);
  return off ? mr_region_ptr(region, off) : NULL;
}

static void reset_batch(struct console *self, const struct console_plan *plan) {
  self->row_cnt = self->kept_cnt = self->text_used = 0;
  for (uint32_t c = 0; c < plan->col_cnt; c++) {
    uint32_t width = (uint32_t)strlen(plan->names[c]);
    self->widths[c] = width > COL_WIDTH_MIN ? width : COL_WIDTH_MIN;
  }
}

static int console_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  const struct console_conf *conf = ctx->conf;
  const struct console_plan *plan = ctx->data;
  struct console *self = ctx->self;
  int rc = mr_writer_init(&self->writer, ctx, 0, err);
  if (rc) return rc;
  uint64_t cells_sz = (uint64_t)conf->rows * plan->col_cnt * sizeof(struct cell);
  uint64_t cells = mr_region_reserve(ctx->region_rw, cells_sz, "console cells");
  uint64_t text = mr_region_reserve(ctx->region_rw, plan->text_sz, "console texts");
  self->turns = find_turns(ctx->region_rw);
  if (!cells || !text || !self->turns)
    return mr_error_set(err, MR_ERR_NOMEM, "no room for the console's rows");
  self->cells = mr_region_ptr(ctx->region_rw, cells);
  self->text = mr_region_ptr(ctx->region_rw, text);
  self->widths = MR_NEW(ctx->arena, uint32_t, plan->col_cnt + 1);
  reset_batch(self, plan);
  mr_writer_attach(&self->writer, STDOUT_FILENO, "standard output");
  return MR_OK;
}

static void console_fini(struct mr_op_ctx *ctx) {
  struct console *self = ctx->self;
  mr_writer_fini(&self->writer, ctx);
}

/* ---- keeping rows ---- */

static void keep_cell(struct console *self, const struct mr_op_ctx *ctx, const struct mr_view *in,
                      uint32_t row, uint32_t i) {
  const struct console_conf *conf = ctx->conf;
  const struct console_plan *plan = ctx->data;
  const struct mr_field *fields = &ctx->node->op_plan.in->fields[plan->cols[i]];
  struct cell *cell = &self->cells[self->kept_cnt * plan->col_cnt + i];
  uint32_t left = plan->text_sz - self->text_used;
  /* every cell after this one must still find room for a short text */
  uint32_t after = (uint32_t)(conf->rows * plan->col_cnt) - self->kept_cnt * plan->col_cnt - i - 1;
  uint32_t cap = left - after * MR_CONSOLE_CUT_SZ;
  cell->off = self->text_used;
  cell->len = mr_console_cell(fields, &in->cols[plan->cols[i]], plan->ends[i] - plan->cols[i],
                              ctx->region->base, row, conf->truncate, self->text + cell->off, cap);
  cell->width = mr_console_width(self->text + cell->off, cell->len);
  self->text_used += cell->len;
  if (cell->width > self->widths[i]) self->widths[i] = cell->width;
}

static void console_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  const struct console_conf *conf = ctx->conf;
  const struct console_plan *plan = ctx->data;
  struct console *self = ctx->self;
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  self->row_cnt += in->sel_cnt;
  for (uint32_t w = 0; w < mr_bitmap_words(in->row_cnt); w++)
    for (uint64_t bits = sel[w]; bits; bits &= bits - 1) {
      if (self->kept_cnt == (uint32_t)conf->rows) return;
      uint32_t row = w * 64 + (uint32_t)__builtin_ctzll(bits);
      for (uint32_t i = 0; i < plan->col_cnt; i++) keep_cell(self, ctx, in, row, i);
      self->kept_cnt++;
    }
}

/* ---- printing ---- */

/* A part of a line: a text, or one character many times. */
struct piece {
  const char *p;
  char fill;
  uint32_t len;
};

static struct piece text_piece(const char *p, uint32_t len) {
  return (struct piece){p, 0, len};
}
static struct piece fill_piece(char c, uint32_t len) {
  return (struct piece){NULL, c, len};
}

/* Piece `at` of a line of cells: per column a bar, and padding and text in the order of the
 * alignment; an end. False: the line is over. */
static bool cells_piece(const struct console *self, const struct mr_op_ctx *ctx, uint32_t at,
                        bool head, struct piece *out) {
  const struct console_conf *conf = ctx->conf;
  const struct console_plan *plan = ctx->data;
  uint32_t c = at / 3, part = at % 3;
  if (c == plan->col_cnt) {
    *out = text_piece("|\n", 2);
    return part == 0;
  }
  if (part == 0) {
    *out = text_piece("|", 1);
    return true;
  }
  const struct cell *cell = &self->cells[self->row * plan->col_cnt + c];
  uint32_t name_len = (uint32_t)strlen(plan->names[c]);
  uint32_t width = head ? name_len : cell->width;
  bool padding = (part == 1) == conf->truncate;
  if (padding)
    *out = fill_piece(' ', self->widths[c] - width);
  else if (head)
    *out = text_piece(plan->names[c], name_len);
  else
    *out = text_piece(self->text + cell->off, cell->len);
  return true;
}

static bool border_piece(const struct console *self, const struct mr_op_ctx *ctx, uint32_t at,
                         struct piece *out) {
  const struct console_plan *plan = ctx->data;
  uint32_t c = at / 2;
  if (c == plan->col_cnt) {
    *out = text_piece("+\n", 2);
    return at % 2 == 0;
  }
  *out = at % 2 ? fill_piece('-', self->widths[c]) : text_piece("+", 1);
  return true;
}

static bool next_piece(const struct console *self, const struct mr_op_ctx *ctx, char text[64],
                       struct piece *out) {
  const struct console_conf *conf = ctx->conf;
  uint32_t at = self->piece;
  int len;
  switch (self->line) {
  case LINE_RULE_1:
  case LINE_RULE_2: *out = text_piece(RULE "\n", RULE_LEN + 1); return at == 0;
  case LINE_BATCH:
    len = snprintf(text, 64, "Batch: %llu\n", (unsigned long long)self->batch_no);
    *out = text_piece(text, (uint32_t)len);
    return at == 0;
  case LINE_TOP:
  case LINE_MIDDLE:
  case LINE_BOTTOM: return border_piece(self, ctx, at, out);
  case LINE_HEAD: return cells_piece(self, ctx, at, true, out);
  case LINE_ROW: return self->row < self->kept_cnt && cells_piece(self, ctx, at, false, out);
  case LINE_MORE:
    len = snprintf(text, 64, "only showing top %lld %s\n", (long long)conf->rows,
                   conf->rows == 1 ? "row" : "rows");
    *out = text_piece(text, (uint32_t)len);
    return at == 0 && self->row_cnt > self->kept_cnt;
  default: *out = text_piece("\n", 1); return at == 0;
  }
}

static void next_line(struct console *self) {
  self->piece = self->off = 0;
  if (self->line == LINE_ROW && ++self->row < self->kept_cnt) return;
  self->line++;
}

/* Puts as much of the table into the room as fits. */
static uint32_t print_some(struct console *self, const struct mr_op_ctx *ctx, char *to,
                           uint32_t sz) {
  uint32_t used = 0;
  while (used < sz && self->line < LINE_CNT) {
    struct piece piece;
    char text[64];
    if (!next_piece(self, ctx, text, &piece)) {
      next_line(self);
      continue;
    }
    uint32_t len = piece.len - self->off;
    if (len > sz - used) len = sz - used;
    if (piece.p)
      memcpy(to + used, piece.p + self->off, len);
    else
      memset(to + used, piece.fill, len);
    used += len;
    self->off += len;
    if (self->off < piece.len) break;
    self->off = 0;
    self->piece++;
  }
  return used;
}

/* Under the virtual clock a table waits until everything else on the worker that can go on has done
 * so: then who takes the next turn does not depend on how long a write takes. */
static void start_print(struct console *self, struct mr_op_ctx *ctx) {
  self->printing = true;
  self->patience = ctx->virtual_clock ? PATIENCE : 0;
  ctx->more = true;
  self->line = LINE_RULE_1;
  self->row = self->piece = self->off = 0;
  /* relaxed: only who comes first matters */
  self->ticket = atomic_fetch_add_explicit(&self->turns->next, 1, memory_order_relaxed);
}

static void console_drain(struct mr_op_ctx *ctx) {
  struct console *self = ctx->self;
  if (!self->printing) return;
  /* acquire: pairs with the release below of the console before; its table is written */
  if (atomic_load_explicit(&self->turns->serving, memory_order_acquire) != self->ticket) {
    ctx->more = true;
    return;
  }
  if (self->patience) {
    self->patience--;
    ctx->more = true;
    return;
  }
  while (self->line < LINE_CNT) {
    uint32_t sz;
    char *room = mr_writer_room(&self->writer, ctx, &sz);
    if (!room) return;
    mr_writer_put(&self->writer, print_some(self, ctx, room, sz), 0);
  }
  if (!mr_writer_written(&self->writer, ctx)) return;
  ctx->counts.rows_out += self->row_cnt;
  reset_batch(self, ctx->data);
  self->batch_no++;
  self->printing = false;
  /* release: pairs with the acquire above of the next console */
  atomic_store_explicit(&self->turns->serving, self->ticket + 1, memory_order_release);
}

/* An interval in which nothing came in at all prints nothing; one in which input came, but no rows
 * reached this sink, prints the head alone, as Spark does. A virtual timer fires only when input
 * comes. */
static void console_tick(struct mr_op_ctx *ctx, int64_t at_us) {
  struct console *self = ctx->self;
  (void)at_us;
  bool print = self->row_cnt || self->seen || ctx->virtual_clock;
  self->seen = false;
  if (!print) return;
  start_print(self, ctx);
}

static void console_advance(struct mr_op_ctx *ctx, int64_t watermark_us) {
  struct console *self = ctx->self;
  if (watermark_us != MR_TIME_MAX) self->seen = true;
}

static void console_finish(struct mr_op_ctx *ctx) {
  struct console *self = ctx->self;
  if (!self->row_cnt && self->batch_no) return;
  start_print(self, ctx);
}

const struct mr_op mr_op_console = {
    .name = "console",
    .help = "prints the rows of each interval as a table",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SINK,
    .opts = console_opts,
    .conf_sz = sizeof(struct console_conf),
    .self_sz = sizeof(struct console),
    .plan = console_plan,
    .need = console_need,
    .init = console_init,
    .process = console_process,
    .drain = console_drain,
    .advance = console_advance,
    .tick = console_tick,
    .finish = console_finish,
    .fini = console_fini,
};
