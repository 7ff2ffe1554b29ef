/* SPDX-License-Identifier: Apache-2.0 */
/* {"verb":"tap","output":"severe","where":"city = 'NYC'","limit":20,"share":0.1}
 *
 * Answers {"row":{...}} for each row of the output for which `where` is true, until `limit` of them
 * were shown (0: no limit), the client hangs up its writing side, or the graph ends; then
 * {"ok":true,"shown":20,"seen":913,"skipped":0,"errors":0}: rows shown, rows that went by
 * meanwhile, rows of these that the tap was too slow for, rows for which `where` is an error. */
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "control/control_private.h"
#include "expr/expr.h"
#include "worker/tap.h"

#define PAUSE_MS   10 /* between two looks; with VIEWS_MAX the bound of what workers copy */
#define VIEWS_MAX  16u
#define ROW_SZ     (64u << 10)
#define ROW_SZ_MAX (2u << 20)
#define EXIT_USAGE 64

struct look {
  struct mr_client *client;
  struct mr_tap *tap;
  const struct mr_expr *where; /* NULL: all rows */
  struct mr_expr_frame frame;
  char *row;
  size_t row_sz;
  uint64_t limit, shown, errors, unshown;
  bool over; /* the limit is reached, or nobody reads */
};

/* ---- the condition ---- */

struct pruned {
  const struct mr_tap *tap;
  const char *name;
};

static void note_pruned(void *ctx, const char *name, uint32_t off, uint32_t len, enum mr_type use) {
  struct pruned *p = ctx;
  (void)off, (void)len, (void)use;
  if (!p->name && mr_tap_pruned(p->tap, name)) p->name = name;
}

/* Says what is wrong with the condition; the code of the first error. */
static void refuse_where(struct look *look, const struct mr_expr_errors *errors,
                         const struct mr_ast *ast) {
  struct pruned pruned = {.tap = look->tap};
  if (ast) mr_ast_columns(ast, MR_TYPE_BOOL, note_pruned, &pruned);
  if (pruned.name)
    mr_client_refuse(look->client, EXIT_USAGE,
                     "where: column %s is not decoded, because nothing in this graph reads it",
                     pruned.name);
  else if (errors->first)
    mr_client_refuse(look->client, EXIT_USAGE, "where: MR%d: %s%s%s", errors->first->code,
                     errors->first->text, errors->first->label ? ", " : "",
                     errors->first->label ? errors->first->label : "");
  else
    mr_client_refuse(look->client, EXIT_USAGE, "where: it is no condition");
}

static bool compile_where(struct look *look, const char *text) {
  struct mr_arena *arena = &look->client->arena;
  struct mr_expr_errors errors;
  struct mr_error err;
  struct mr_expr_scope scope = {.schema = mr_tap_schema(look->tap),
                                .name = "the output",
                                .want = MR_TYPE_BOOL,
                                .flags = MR_EXPR_NO_RECORD};
  mr_expr_errors_init(&errors, arena);
  const struct mr_ast *ast = mr_expr_parse(arena, text, strlen(text), &errors);
  look->where = ast ? mr_expr_compile(arena, ast, &scope, &errors) : NULL;
  if (!look->where) {
    refuse_where(look, &errors, ast);
    return false;
  }
  if (!mr_expr_frame_init(&look->frame, arena, mr_tap_region(look->tap), &look->where, 1,
                          look->client->control->conf.isa, "tap", &err))
    return true;
  mr_client_refuse(look->client, 1, "%s", err.text);
  return false;
}

/* ---- rows ---- */

/* The row's text in look->row; 0: it is larger than any that is shown. */
static size_t row_text(struct look *look, uint32_t row) {
  for (;;) {
    size_t len = mr_tap_text(look->tap, row, look->row, look->row_sz);
    if (len || look->row_sz >= ROW_SZ_MAX) return len;
    look->row_sz *= 4;
    look->row = mr_arena_alloc(&look->client->arena, look->row_sz);
  }
}

static void show_row(struct look *look, uint32_t row) {
  static const char head[] = "{\"row\":", tail[] = "}\n";
  int fd = look->client->wire.fd;
  size_t len = row_text(look, row);
  if (!len) {
    look->unshown++;
    return;
  }
  if (!mr_wire_send(fd, head, sizeof head - 1) || !mr_wire_send(fd, look->row, len) ||
      !mr_wire_send(fd, tail, sizeof tail - 1)) {
    look->over = true;
    return;
  }
  look->shown++;
}

static void show_view(struct look *look, const struct mr_view *view, struct mr_tap_counts *counts) {
  uint64_t sel[MR_BATCH_WORDS], err[MR_BATCH_WORDS];
  uint32_t last = view->row_cnt - 1;
  if (look->where) {
    look->frame.now_us = view->now_us;
    mr_expr_frame_reset(&look->frame);
    look->errors += mr_expr_where(look->where, &look->frame, view, sel, err).err;
  } else {
    memset(sel, 0xff, sizeof sel);
  }
  for (uint32_t row = 0; row < view->row_cnt && !look->over; row++) {
    if (!(sel[row / 64] >> (row % 64) & 1)) continue;
    show_row(look, row);
    if (look->limit && look->shown == look->limit) look->over = true;
    if (look->over) last = row;
  }
  mr_tap_count(look->tap, last, counts);
}

/* Shows until something ends it: the limit, the client, or the run, whose last rows are shown. */
static void show_all(struct look *look, struct mr_tap_counts *counts) {
  struct mr_client *client = look->client;
  while (!look->over) {
    /* in this order: the end of the run hangs up on clients too; and before the look, which then
     * sees all */
    bool gone = mr_client_gone(client), ended = mr_control_ended(client->control);
    if (gone && !ended) break;
    const struct mr_view *view = NULL;
    for (uint32_t n = 0; n < VIEWS_MAX && !look->over && (view = mr_tap_take(look->tap)); n++) {
      show_view(look, view, counts);
      mr_tap_done(look->tap);
    }
    if (look->over || (ended && !view)) break;
    struct pollfd p = {.fd = client->wire.fd, .events = POLLIN | POLLRDHUP};
    poll(&p, 1, ended ? 0 : PAUSE_MS);
  }
  if (!look->over) mr_tap_count(look->tap, UINT32_MAX, counts);
}

void mr_control_tap(struct mr_client *client, const struct mr_value *request) {
  struct look look = {.client = client, .row_sz = ROW_SZ};
  struct mr_tap_counts counts = {0};
  struct mr_error err;
  const char *output = mr_value_text(request, "output", "");
  const char *where = mr_value_text(request, "where", NULL);
  double share = mr_value_double(request, "share", 1);
  int64_t limit = mr_value_int(request, "limit", 0);
  if (!(share > 0 && share <= 1) || limit < 0) {
    mr_client_refuse(client, EXIT_USAGE, "share is above 0 and at most 1, limit is not negative");
    return;
  }
  look.limit = (uint64_t)limit;
  if (mr_tap_open(&look.tap, client->control->conf.run, output, &err)) {
    mr_client_refuse(client, err.code == MR_ERR_NOMEM ? 1 : EXIT_USAGE, "%s", err.text);
    return;
  }
  look.row = mr_arena_alloc(&client->arena, look.row_sz);
  if (where && !compile_where(&look, where)) {
    mr_tap_close(look.tap);
    return;
  }
  if (mr_tap_start(look.tap, share, &err)) {
    mr_tap_close(look.tap);
    mr_client_refuse(client, 1, "%s", err.text);
    return;
  }
  mr_client_say(client, "{\"event\":\"started\"}");
  show_all(&look, &counts);
  mr_tap_close(look.tap);
  mr_client_say(client,
                "{\"ok\":true,\"shown\":%" PRIu64 ",\"seen\":%" PRIu64 ",\"skipped\":%" PRIu64
                ",\"errors\":%" PRIu64 "}",
                look.shown, counts.seen, counts.skipped + look.unshown, look.errors);
}
