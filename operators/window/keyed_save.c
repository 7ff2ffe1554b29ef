/* SPDX-License-Identifier: Apache-2.0 */
/* What the checkpoints of window and group have in common. */
#include <string.h>

#include "base/lines.h"
#include "operators/window/keyed.h"
#include "state/save.h"

static void add_expr(struct mr_lines *out, const char *what, const char *name,
                     const struct mr_opt_expr *expr) {
  if (!expr->text) return;
  mr_lines_add(out, "%s%s: ", what, name);
  for (uint32_t i = 0; i < expr->len; i++) /* a fact is one line */
    mr_lines_add(out, "%c", expr->text[i] == '\n' ? ' ' : expr->text[i]);
  mr_lines_add(out, "\n");
}

void mr_keyed_shape(const struct mr_op_plan *p, const struct mr_keyed_conf *conf,
                    struct mr_lines *out) {
  char type[64];
  for (uint32_t k = 0; k < p->key_cnt; k++) {
    struct mr_field f = p->in->fields[p->key_cols[k]];
    f.codes = NULL; /* an enum is its text */
    mr_lines_add(out, "key: %s %s\n", f.name, mr_field_type_text(&f, type, sizeof type));
  }
  add_expr(out, "where", "", &conf->where);
  if (!conf->select.cnt) mr_lines_add(out, "select count: count(*)\n");
  for (uint32_t i = 0; i < conf->select.cnt; i++)
    add_expr(out, "select ", conf->select.items[i].name, &conf->select.items[i].expr);
}

void mr_keyed_snapshot(struct mr_keyed *k, struct mr_op_ctx *ctx, struct mr_save *to) {
  mr_keyed_flush(k, ctx);
  mr_save_int(to, "arrivals", (int64_t)k->seq);
}

void mr_keyed_restore(struct mr_keyed *k, const struct mr_load *from) {
  int64_t seq;
  if (mr_load_int(from, "arrivals", &seq)) k->seq = (uint64_t)seq;
}

int mr_keyed_load_failed(const struct mr_table_loader *l, struct mr_error *err) {
  if (l->why) return mr_error_set(err, MR_ERR_IO, "a row of state cannot be restored: %s", l->why);
  return l->rows.bad ? mr_error_set(err, MR_ERR_IO, "the rows of state end early") : MR_OK;
}
