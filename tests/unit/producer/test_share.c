/* SPDX-License-Identifier: Apache-2.0 */
/* Files parsed by several instances: what comes out, in which order, and where each row and each
 * dead letter stood, is that of one instance, wherever the input is cut. Parts and blocks of a few
 * bytes put a cut at every place. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rng.h"
#include "operators/operators.h"
#include "producer/reader.h"
#include "test.h"
#include "worker/ctx.h"
#include "worker/worker_private.h"

#define ROWS_MAX 4096u
#define FILES    3u

struct seen {
  int64_t n;
  uint64_t pos, line;
  char source[96];
};
struct outcome {
  struct seen rows[ROWS_MAX], bad[ROWS_MAX];
  uint32_t row_cnt, bad_cnt;
  int64_t watermark;
  uint64_t rows_in;
};
static struct outcome *now;

/* ---- a sink that notes rows, and one that notes dead letters ---- */

static int note_plan(struct mr_op_plan *p) {
  p->uses_pos = true;
  return MR_OK;
}

static void note_process(struct mr_op_ctx *ctx, const struct mr_view *v) {
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(v, all);
  assert_non_null(v->row_pos);
  MR_BITMAP_EACH(sel, mr_bitmap_words(v->row_cnt), row) {
    assert_true(now->row_cnt < ROWS_MAX);
    struct seen *s = &now->rows[now->row_cnt++];
    *s = (struct seen){.n = MR_COL(v, 0, int64_t)[row]};
    s->pos = v->row_pos[row];
    s->line = v->row_line[row];
    snprintf(s->source, sizeof s->source, "%u", v->input);
  }
  if (v->frontier_out > now->watermark) now->watermark = v->frontier_out;
  ctx->counts.rows_out += v->sel_cnt;
}

static void bad_process(struct mr_op_ctx *ctx, const struct mr_view *v) {
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(v, all);
  MR_BITMAP_EACH(sel, mr_bitmap_words(v->row_cnt), row) {
    assert_true(now->bad_cnt < ROWS_MAX);
    struct seen *s = &now->bad[now->bad_cnt++];
    const struct mr_str *source = &MR_COL(v, 3, struct mr_str)[row];
    *s = (struct seen){.pos = (uint64_t)MR_COL(v, 4, int64_t)[row],
                       .line = (uint64_t)MR_COL(v, 5, int64_t)[row]};
    snprintf(s->source, sizeof s->source, "%.*s", (int)source->len,
             mr_str_data(source, ctx->region->base));
  }
  ctx->counts.rows_out += v->sel_cnt;
}

static const struct mr_op note_op = {.name = "note",
                                     .help = "notes rows",
                                     .abi = MR_OP_ABI,
                                     .kind = MR_OP_SINK,
                                     .plan = note_plan,
                                     .process = note_process};
static const struct mr_op bad_op = {.name = "bad",
                                    .help = "notes dead letters",
                                    .abi = MR_OP_ABI,
                                    .kind = MR_OP_SINK,
                                    .plan = note_plan,
                                    .process = bad_process};

/* ---- the input ---- */

static char folder[64];

static void put_json(FILE *f, struct mr_rng *rng, int64_t n, bool last) {
  static const char *const ends[] = {"\n", "\n", "\r\n", "\n\n", "\n  \n"};
  uint32_t kind = mr_rng_below(mr_rng_next(rng), 12), len = mr_rng_below(mr_rng_next(rng), 40);
  int64_t t = n * 1000 - (int64_t)mr_rng_below(mr_rng_next(rng), 5000);
  if (kind == 0)
    fprintf(f, "{\"n\": \"%lld\"}", (long long)n);
  else if (kind == 1)
    fprintf(f, "no row");
  else if (kind == 2)
    fprintf(f, "{\"n\":%lld,\"t\":%lld,\"s\":\"%0120d\"}", (long long)n, (long long)t, 0);
  else
    fprintf(f, "{\"n\":%lld,\"t\":%lld,\"s\":\"%.*s\"}", (long long)n, (long long)t, (int)len,
            "{}[],:\\\"{}[],:\\\"{}[],:\\\"{}[],:\\\"{}[],:\\\"");
  if (!last || mr_rng_below(mr_rng_next(rng), 2)) fputs(ends[mr_rng_below(mr_rng_next(rng), 5)], f);
}

static void put_csv(FILE *f, struct mr_rng *rng, int64_t n, bool last) {
  static const char *const cells[] = {"plain", "\"a, b\"",       "\"two\nlines\"", "\"q \"\" q\"",
                                      "",      "\"\"",           "in\"side",       "\"\"\"\"",
                                      "x",     "\"\r\n\"\"\n\"", "\"a\"junk",      "\"\n\n\n\""};
  static const char *const ends[] = {"\n", "\n", "\r\n", "\n\n", "\n \n"};
  int64_t t = n * 1000 - (int64_t)mr_rng_below(mr_rng_next(rng), 5000);
  const char *cell = cells[mr_rng_below(mr_rng_next(rng), 12)];
  uint32_t kind = mr_rng_below(mr_rng_next(rng), 12);
  if (kind == 0)
    fprintf(f, "%lld,%lld", (long long)n, (long long)t);
  else
    fprintf(f, "%s,%lld,%lld", cell, (long long)n, (long long)t);
  if (!last || mr_rng_below(mr_rng_next(rng), 2)) fputs(ends[mr_rng_below(mr_rng_next(rng), 5)], f);
}

/* Files a, b and c, of which one may be empty or have a byte order mark. */
static void make_files(uint64_t seed, bool csv) {
  struct mr_rng rng;
  mr_rng_init(&rng, seed);
  int64_t n = 0;
  for (uint32_t k = 0; k < FILES; k++) {
    char path[96];
    snprintf(path, sizeof path, "%s/%c.in", folder, 'a' + (int)k);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    uint32_t rows = mr_rng_below(mr_rng_next(&rng), 4) ? mr_rng_below(mr_rng_next(&rng), 60) : 0;
    if (rows && !mr_rng_below(mr_rng_next(&rng), 3)) fputs("\xef\xbb\xbf", f);
    if (csv && rows) fputs(k % 2 ? "\"s\",n,t\n" : "s,\"n\",t\r\n", f);
    for (uint32_t i = 0; i < rows; i++) (csv ? put_csv : put_json)(f, &rng, n++, i + 1 == rows);
    fclose(f);
  }
}

/* ---- running ---- */

struct setting {
  uint32_t workers, threads;
  uint64_t part_sz;
  uint32_t block_sz;
  uint64_t count, seed;
  bool csv, drain;
};

static const char graph[] =
    "millrace: 1\ngraph: g\n"
    "runtime: { workers: { count: %u, wait: spin }, huge_pages: off }\n"
    "sources:\n"
    "  in: { type: file, path: '%s/*.in', format: %s, max_line: 100, workers: %u, event: e }\n"
    "events:\n"
    "  e: { event_time: t, fields: { n: int64, t: { type: timestamp, format: unix_us }, s: string "
    "} }\n"
    "sinks:\n"
    "  out: { type: note, from: in }\n"
    "  err: { type: bad, from: in.errors }\n";

/* Parts and blocks so small that each place is cut. */
static void shrink(struct mr_run *run, const struct setting *s) {
  for (uint32_t i = 0; i < run->plan->instance_cnt; i++) {
    struct mr_instance *inst = &run->insts[i];
    if (inst->op != &mr_op_file_source) continue;
    struct mr_reader *reader = inst->ctx.self;
    if (s->block_sz) reader->conf.block_sz = s->block_sz;
    if (reader->conf.share && s->part_sz) reader->conf.share->part_sz = s->part_sz;
  }
}

static void run_once(const struct setting *s, struct outcome *out) {
  static const struct mr_op *const ops[] = {&mr_op_file_source, &note_op, &bad_op, NULL};
  static const struct mr_op_table table = {ops};
  struct mr_arena arena = {0};
  struct mr_diags diags;
  char text[2048];
  snprintf(text, sizeof text, graph, s->threads, folder, s->csv ? "csv" : "json", s->workers);
  memset(out, 0, sizeof *out);
  out->watermark = MR_TIME_NONE;
  now = out;
  mr_diags_init(&diags, &arena);
  struct mr_plan_conf pc = {.ops = &table, .clock = -1};
  struct mr_plan *plan = mr_plan_load(&arena, "g.yaml", text, strlen(text), &pc, &diags);
  if (!plan) fail_msg("%s", mr_diags_text(&diags, &arena, NULL));
  struct mr_run_conf rc = {.count = s->count};
  mr_clock_system(&rc.clock);
  struct mr_error err = {0};
  struct mr_run *run;
  if (mr_run_build(&run, plan, &rc, &err)) fail_msg("%s", err.text);
  shrink(run, s);
  struct mr_rng rng;
  mr_rng_init(&rng, s->seed);
  uint32_t drain_at = mr_rng_below(mr_rng_next(&rng), 60);
  bool live = true;
  for (uint32_t i = 0; live; i++) {
    if (i == 20000000) fail_msg("seed %llu does not end", (unsigned long long)s->seed);
    if (s->drain && i == drain_at) mr_run_drain(run);
    mr_run_step(run, mr_rng_below(mr_rng_next(&rng), plan->worker_cnt), &live);
  }
  if (mr_run_result(run, &err)) fail_msg("%s", err.text);
  for (uint32_t i = 0; i < plan->instance_cnt; i++)
    if (run->insts[i].op == &mr_op_file_source) out->rows_in += run->insts[i].ctx.counts.rows_in;
  mr_run_destroy(run);
  mr_arena_free(&arena);
}

static void check_same(const struct seen *a, const struct seen *b, uint32_t cnt, uint64_t seed) {
  for (uint32_t i = 0; i < cnt; i++)
    if (memcmp(&a[i], &b[i], sizeof a[i]) != 0)
      fail_msg(
          "seed %llu, item %u: n %lld at %llu line %llu of %s, not n %lld at %llu line %llu of %s",
          (unsigned long long)seed, i, (long long)a[i].n, (unsigned long long)a[i].pos,
          (unsigned long long)a[i].line, a[i].source, (long long)b[i].n,
          (unsigned long long)b[i].pos, (unsigned long long)b[i].line, b[i].source);
}

static uint64_t env(const char *name, uint64_t otherwise) {
  const char *text = getenv(name);
  return text ? strtoull(text, NULL, 0) : otherwise;
}

/* Sizes that cut everywhere, and sizes that cut nowhere. */
static void choose(struct setting *s, struct mr_rng *rng) {
  static const uint32_t blocks[] = {0, 128, 200, 300, 1000};
  s->workers = 2 + mr_rng_below(mr_rng_next(rng), 3);
  s->threads = 1 + mr_rng_below(mr_rng_next(rng), 4);
  s->part_sz = mr_rng_below(mr_rng_next(rng), 5) ? 1 + mr_rng_below(mr_rng_next(rng), 300) : 0;
  s->block_sz = blocks[mr_rng_below(mr_rng_next(rng), 5)];
}

static void compare_all(bool csv) {
  static struct outcome want, got;
  uint64_t first = env("MR_SEED", 1), cnt = env("MR_INPUTS", 25), rows = 0, bad = 0;
  printf("seeds %llu to %llu\n", (unsigned long long)first, (unsigned long long)(first + cnt - 1));
  for (uint64_t seed = first; seed < first + cnt; seed++) {
    struct mr_rng rng;
    mr_rng_init(&rng, seed * 31);
    make_files(seed, csv);
    struct setting s = {.workers = 1, .threads = 1, .csv = csv, .seed = seed};
    run_once(&s, &want);
    rows += want.row_cnt;
    bad += want.bad_cnt;
    for (uint32_t k = 0; k < 3; k++) {
      choose(&s, &rng);
      run_once(&s, &got);
      check_same(got.rows, want.rows, got.row_cnt < want.row_cnt ? got.row_cnt : want.row_cnt,
                 seed);
      check_same(got.bad, want.bad, got.bad_cnt < want.bad_cnt ? got.bad_cnt : want.bad_cnt, seed);
      assert_int_equal(got.row_cnt, want.row_cnt);
      assert_int_equal(got.bad_cnt, want.bad_cnt);
      assert_int_equal(got.watermark, want.watermark);
      assert_int_equal(got.rows_in, want.rows_in);
    }
  }
  assert_true(rows > 10 * cnt && bad > cnt);
}

MR_TEST(json_lines_of_several_instances_are_those_of_one) {
  MR_UNUSED_STATE;
  compare_all(false);
}

MR_TEST(csv_rows_of_several_instances_are_those_of_one) {
  MR_UNUSED_STATE;
  compare_all(true);
}

/* The rows and dead letters that came are all those before some place of the input. */
static void check_prefix(const struct outcome *got, const struct outcome *want, uint64_t seed) {
  check_same(got->rows, want->rows, got->row_cnt, seed);
  check_same(got->bad, want->bad, got->bad_cnt, seed);
  assert_int_equal(got->rows_in, got->row_cnt + got->bad_cnt);
}

MR_TEST(a_drain_leaves_out_nothing_in_the_middle) {
  MR_UNUSED_STATE;
  static struct outcome want, got;
  uint32_t cut_short = 0;
  for (uint64_t seed = 1; seed <= 40; seed++) {
    struct mr_rng rng;
    mr_rng_init(&rng, seed * 77);
    make_files(seed, seed % 2);
    struct setting s = {.workers = 1, .threads = 1, .csv = seed % 2, .seed = seed};
    run_once(&s, &want);
    choose(&s, &rng);
    s.drain = true;
    run_once(&s, &got);
    check_prefix(&got, &want, seed);
    cut_short += got.row_cnt < want.row_cnt;
  }
  assert_true(cut_short > 0);
}

MR_TEST(count_takes_the_first_rows_of_the_input) {
  MR_UNUSED_STATE;
  static struct outcome want, got;
  for (uint64_t seed = 1; seed <= 10; seed++) {
    make_files(seed, false);
    struct setting s = {.workers = 1, .threads = 1, .seed = seed};
    run_once(&s, &want);
    if (!want.rows_in) continue;
    s = (struct setting){.workers = 3, .threads = 2, .seed = seed, .part_sz = 50};
    s.count = 1 + want.rows_in / 2;
    run_once(&s, &got);
    assert_int_equal(got.rows_in, s.count);
    check_prefix(&got, &want, seed);
  }
}

static int set_up(void **state) {
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/test_share_XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command);
}

int main(void) {
  const struct CMUnitTest cases[] = {
      MR_CASE(json_lines_of_several_instances_are_those_of_one),
      MR_CASE(csv_rows_of_several_instances_are_those_of_one),
      MR_CASE(a_drain_leaves_out_nothing_in_the_middle),
      MR_CASE(count_takes_the_first_rows_of_the_input),
  };
  return cmocka_run_group_tests(cases, set_up, tear_down);
}
