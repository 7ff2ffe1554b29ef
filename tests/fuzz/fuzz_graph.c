/* SPDX-License-Identifier: Apache-2.0 */
/* Graph files of any bytes: loaded, changed by a --set (the first line when it begins with "#set
 * "), variables replaced, positions of every text asked for, options read, diagnostics printed both
 * ways. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "graph/diag.h"
#include "graph/interp.h"
#include "graph/opt.h"
#include "graph/override.h"
#include "graph/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
  if (!holds) abort();
}

struct conf {
  struct mr_opt_strings names;
  struct mr_opt_exprs exprs;
  int64_t delay_us;
  uint64_t size_bytes;
  double rate, share;
  int64_t count;
  const char *name;
  int kind;
};

static const struct mr_opt opts[] = {
    {"key", MR_OPT_NAMES, MR_OPT_AT(struct conf, names), .help = "h"},
    {"select", MR_OPT_EXPRS, MR_OPT_AT(struct conf, exprs), .help = "h"},
    {"delay", MR_OPT_DURATION_US, MR_OPT_AT(struct conf, delay_us), .help = "h"},
    {"max_line", MR_OPT_SIZE, MR_OPT_AT(struct conf, size_bytes), .help = "h"},
    {"rate", MR_OPT_RATE, MR_OPT_AT(struct conf, rate), .help = "h"},
    {"late", MR_OPT_SHARE, MR_OPT_AT(struct conf, share), .help = "h"},
    {"count", MR_OPT_INT64, MR_OPT_AT(struct conf, count), .help = "h", .required = true},
    {"from", MR_OPT_NAME, MR_OPT_AT(struct conf, name), .help = "h"},
    MR_OPT_END};

/* The tree is whole: parents, places, texts, and every span lies in its source. */
static void check_tree(struct mr_arena *arena, struct mr_tree *t, struct mr_diags *diags,
                       uint32_t depth) {
  check(depth <= MR_TREE_DEPTH_MAX + 1);
  check(t->span.off <= t->span.src->len && t->span.len <= t->span.src->len - t->span.off);
  if (t->kind == MR_TREE_SCALAR) {
    check(strlen(t->text) == t->len && mr_utf8_valid(t->text, t->len));
    for (uint32_t i = 0; i <= t->len && i < 64; i++) {
      struct mr_span s = mr_tree_span_at(arena, t, i, 1);
      check(s.off >= t->span.off && s.off + s.len <= s.src->len);
      check(s.off + s.len <= t->span.off + t->span.len);
    }
    return;
  }
  if (t->kind == MR_TREE_MAP) {
    struct mr_opt_reader rd = {arena, diags, NULL};
    struct conf conf = {0};
    mr_opt_read_one(&rd, t, opts, &conf);
  }
  for (uint32_t i = 0; i < t->cnt; i++) {
    check(t->items[i]->parent == t && t->items[i]->idx == i);
    if (t->keys) check(t->items[i]->key == t->keys[i]);
    if (t->keys && i < 64) check(mr_tree_get(t, t->keys[i]->text) == t->items[i]);
    check_tree(arena, t->items[i], diags, depth + 1);
  }
}

static const char *lookup(void *ctx, const char *name) {
  (void)ctx;
  return strcmp(name, "data_dir") == 0 ? "/data" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct mr_arena arena = {0};
  struct mr_diags diags;
  mr_diags_init(&diags, &arena);
  struct mr_source *src = mr_source_make(&arena, "fuzz.yaml", data, size);
  struct mr_tree *root = mr_tree_load(&arena, src, &diags);
  check(root || diags.error_cnt);
  if (src->len > 5 && memcmp(src->text, "#set ", 5) == 0) {
    uint32_t len;
    const char *line = mr_source_line(src, 1, &len);
    mr_override_apply(&arena, &root, mr_arena_strndup(&arena, line + 5, len - 5), &diags);
  }
  struct mr_interp interp = {.lookup = lookup, .no_env = size % 2};
  mr_interp_apply(&interp, &arena, root, &diags);
  if (root) check_tree(&arena, root, &diags, 0);
  size_t len;
  const char *text = mr_diags_text(&diags, &arena, &len);
  check(strlen(text) == len && mr_utf8_valid(text, len));
  text = mr_diags_json(&diags, &arena, &len);
  check(strlen(text) == len && mr_utf8_valid(text, len));
  mr_arena_free(&arena);
  return 0;
}
