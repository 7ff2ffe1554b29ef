/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/sink/fake_op.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "graph/codes.h"
#include "operators/operators.h"
#include "producer/reader.h"

static struct mr_event_field event_fields[] = {
    {.field = {.name = "id", .type = MR_TYPE_INT64}},
    {.field = {.name = "text", .type = MR_TYPE_STRING, .optional = true}},
};
static struct mr_field fields[] = {
    {.name = "id", .type = MR_TYPE_INT64},
    {.name = "text", .type = MR_TYPE_STRING, .optional = true},
};
static const struct mr_schema schema = {
    .cnt = 2, .visible_cnt = 2, .event_time = -1, .fields = fields};
static const struct mr_event event = {
    .name = "e", .fields = event_fields, .field_cnt = 2, .event_time = -1};

#define MAX_LINE 120u
#define ROWS_MAX 8192u

struct seen {
  bool bad;
  int64_t id;
  int code;
  uint64_t pos, line, bytes;
};

static struct seen want[ROWS_MAX], got[ROWS_MAX], refused[ROWS_MAX];
static uint32_t want_cnt, want_rows, got_cnt, refused_cnt;

/* ---- the input, and what it should give ---- */

/* Lines of every kind with every kind of end; built piece by piece, so the verdicts need no parser.
 */
static size_t make_input(char *out, uint32_t lines, bool last_newline) {
  static const char *const ends[] = {"\n", "\r\n"};
  char *p = out;
  want_cnt = want_rows = 0;
  p += sprintf(p, "\xef\xbb\xbf");
  for (uint32_t i = 0; i < lines; i++) {
    struct seen s = {.pos = (uint64_t)(p - out), .line = i + 1};
    char *begin = p;
    uint32_t kind = i % 9;
    if (kind == 3)
      p += sprintf(p, "   ");
    else if (kind == 4)
      p += sprintf(p, "{\"id\": \"x\"}"), s.bad = true, s.code = 3006;
    else if (kind == 6)
      p += sprintf(p, "%s", "");
    else if (kind == 7) {
      p += sprintf(p, "{\"id\": 1, \"text\": \"");
      memset(p, 'y', MAX_LINE + i % 300);
      p += MAX_LINE + i % 300;
      p += sprintf(p, "\"}");
      s.bad = true;
      s.code = 3001;
    } else {
      p += sprintf(p, "{\"id\": %u, \"text\": \"%.*s\"}", i, (int)(i * 13 % 60),
                   "some text of some length, more than fits inline, up to sixty bytes");
      s.id = i;
    }
    s.bytes = (uint64_t)(p - begin);
    if (i + 1 < lines || last_newline) p += sprintf(p, "%s", ends[i % 2]);
    if (kind == 3 || kind == 6) continue;
    want[want_cnt++] = s;
    want_rows += !s.bad;
  }
  return (size_t)(p - out);
}

static void note_batch(struct fake *f, struct mr_batch *batch) {
  struct mr_col cols[2];
  struct mr_view view;
  mr_view_of_batch(&f->region, batch, cols, &view);
  assert_non_null(view.row_pos);
  assert_true(mr_batch_valid(&f->region, batch));
  for (uint32_t i = 0; i < view.row_cnt; i++) {
    uint64_t id = (uint64_t)MR_COL(&view, 0, int64_t)[i];
    assert_true(got_cnt < ROWS_MAX);
    got[got_cnt++] =
        (struct seen){.id = (int64_t)id, .pos = view.row_pos[i], .line = view.row_line[i]};
    const struct mr_str *text = &MR_COL(&view, 1, struct mr_str)[i];
    assert_int_equal(text->len, id * 13 % 60);
    assert_memory_equal(mr_str_data(text, f->region.base),
                        "some text of some length, more than fits inline, up to sixty bytes",
                        text->len);
  }
}

static void note_bad(struct fake *f, int code, const char *cause, uint64_t pos, uint64_t line,
                     const char *raw, uint32_t len, uint64_t raw_bytes) {
  (void)f;
  assert_true(cause[0] != 0 && refused_cnt < ROWS_MAX);
  assert_true(len <= raw_bytes && memchr(raw, '\n', len) == NULL);
  refused[refused_cnt++] =
      (struct seen){.bad = true, .code = code, .pos = pos, .line = line, .bytes = raw_bytes};
}

static void check_seen(void) {
  uint32_t g = 0, r = 0;
  assert_int_equal(got_cnt, want_rows);
  assert_int_equal(got_cnt + refused_cnt, want_cnt);
  for (uint32_t i = 0; i < want_cnt; i++) {
    const struct seen *s = want[i].bad ? &refused[r++] : &got[g++];
    uint64_t pos = want[i].pos;
    assert_int_equal(s->pos, pos + (pos == 0 && s->pos == 3 ? 3 : 0)); /* behind the mark */
    assert_int_equal(s->line, want[i].line);
    if (want[i].bad) {
      assert_int_equal(s->code, want[i].code);
      assert_int_equal(s->bytes, want[i].bytes);
    } else {
      assert_int_equal(s->id, want[i].id);
    }
  }
  assert_int_equal(fake.ctx.counts.rows_in, got_cnt + refused_cnt);
  assert_int_equal(fake.ctx.counts.rows_in,
                   fake.ctx.counts.rows_out + fake.ctx.counts.dead_letters);
}

/* ---- a source over the memory backend ---- */

static struct mr_reader_conf reader_conf;

static int test_plan(struct mr_op_plan *p) {
  const struct mr_reader_opts opts = {.format = 0, .max_line = MAX_LINE};
  return mr_reader_plan(p, &opts);
}
static int test_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  return mr_reader_init(ctx->self, ctx, &reader_conf, err);
}
static enum mr_poll test_poll(struct mr_op_ctx *ctx) {
  return mr_reader_poll(ctx->self, ctx);
}
static void test_fini(struct mr_op_ctx *ctx) {
  mr_reader_fini(ctx->self);
}

static const struct mr_op test_op = {.name = "test",
                                     .abi = MR_OP_ABI,
                                     .kind = MR_OP_SOURCE,
                                     .self_sz = sizeof(struct mr_reader),
                                     .plan = test_plan,
                                     .init = test_init,
                                     .poll = test_poll,
                                     .fini = test_fini};

static void begin(const struct mr_op *op, const void *conf, enum mr_io_backend backend) {
  fake_begin(op, conf, &schema, &event, backend);
  fake_pool(&schema, MR_HAS_POS);
  fake.on_emit = note_batch;
  fake.on_reject = note_bad;
  got_cnt = refused_cnt = 0;
}

/* Polls to the end; returns how often the source had to wait. At most one batch may come per poll.
 */
static uint32_t poll_all(void) {
  uint32_t idle = 0;
  for (uint32_t i = 0; i < 10000000; i++) {
    uint32_t before = fake.emit_cnt;
    enum mr_poll result = fake.op->poll(&fake.ctx);
    assert_true(fake.emit_cnt - before <= 1);
    assert_true(fake.emit_cnt == before || result == MR_POLL_ROWS);
    assert_int_equal(fake.pool.free_cnt, fake.pool.conf.batch_cnt);
    if (result == MR_POLL_END || fake.fail_code) return idle;
    idle += result == MR_POLL_IDLE;
    mr_io_poll(fake.io);
  }
  fail_msg("the source does not end");
  return 0;
}

static void run_reader(const char *text, size_t len, uint32_t block_sz, uint32_t delay, bool stream,
                       uint32_t row_max) {
  struct mr_error err = {0};
  begin(&test_op, NULL, MR_IO_MEMORY);
  mr_io_memory_put(fake.io, "in", text, len);
  mr_io_memory_put(fake.io, "stdin", text, len);
  struct mr_io_req open_req = {.kind = MR_IO_OPEN, .path = "in", .flags = O_RDONLY};
  int fd = stream ? 0 : (int)mr_io_wait(fake.io, &open_req);
  mr_io_memory_delay(fake.io, delay);
  reader_conf = (struct mr_reader_conf){
      .name = "in", .fd = fd, .stream = stream, .total = len, .block_sz = block_sz};
  fake.reject_refuse = delay; /* dead letters are put off once in a while, too */
  assert_int_equal(fake_plan(), MR_OK);
  assert_int_equal(fake_init(&err), MR_OK);
  fake.ctx.row_max = row_max;
  uint32_t idle = poll_all();
  assert_true(delay < 2 || idle > 0);
  assert_int_equal(fake.fail_code, 0);
  assert_int_equal(fake.ctx.counts.bytes_in, len);
  check_seen();
}

MR_TEST(lines_cut_at_every_place_give_the_same_rows) {
  MR_UNUSED_STATE;
  static char text[65536];
  for (uint32_t last = 0; last < 2; last++) {
    size_t len = make_input(text, 23, last);
    for (uint32_t block = 1; block <= len + 1; block++) {
      run_reader(text, len, block, block % 3, block % 2, MR_BATCH_ROWS);
      fake_end();
    }
  }
}

MR_TEST(many_rows_come_in_batches_of_at_most_row_max) {
  MR_UNUSED_STATE;
  static char text[1 << 20];
  size_t len = make_input(text, 7000, true);
  const uint32_t maxima[] = {1, 7, 1000, MR_BATCH_ROWS};
  for (uint32_t m = 0; m < 4; m++) {
    run_reader(text, len, 65536, m % 3, m % 2, maxima[m]);
    assert_true(fake.emit_cnt >= (want_rows + maxima[m] - 1) / maxima[m]);
    assert_int_equal(fake.done_bytes, len);
    assert_int_equal(fake.total_bytes, len);
    fake_end();
  }
}

MR_TEST(short_reads_change_nothing) {
  MR_UNUSED_STATE;
  static char text[65536];
  struct mr_error err = {0};
  size_t len = make_input(text, 100, false);
  begin(&test_op, NULL, MR_IO_MEMORY);
  mr_io_memory_put(fake.io, "stdin", text, len);
  mr_io_memory_fault(fake.io, &(struct mr_io_fault){MR_IO_READ, 1, UINT32_MAX, 0, 3});
  mr_io_memory_fault(fake.io, &(struct mr_io_fault){MR_IO_READ, 4, 1, EINTR, 0});
  reader_conf = (struct mr_reader_conf){.name = "stdin", .stream = true, .block_sz = 100};
  assert_int_equal(fake_plan(), MR_OK);
  assert_int_equal(fake_init(&err), MR_OK);
  poll_all();
  check_seen();
  fake_end();
}

MR_TEST(a_stream_gives_what_is_there_before_it_waits) {
  MR_UNUSED_STATE;
  struct mr_error err = {0};
  begin(&test_op, NULL, MR_IO_MEMORY);
  fake.on_emit = NULL;
  mr_io_memory_put(fake.io, "stdin", "{\"id\": 0}\n{\"id\": 1}\n{\"id\": 2}\n", 30);
  mr_io_memory_fault(fake.io, &(struct mr_io_fault){MR_IO_READ, 0, UINT32_MAX, 0, 10});
  mr_io_memory_delay(fake.io, 1);
  reader_conf = (struct mr_reader_conf){.name = "stdin", .stream = true};
  assert_int_equal(fake_plan(), MR_OK);
  assert_int_equal(fake_init(&err), MR_OK);
  for (uint32_t i = 0; i < 3; i++) {
    assert_int_equal(fake.op->poll(&fake.ctx), MR_POLL_IDLE);
    assert_int_equal(fake.emit_cnt, i);
    mr_io_poll(fake.io);
    assert_int_equal(fake.op->poll(&fake.ctx), MR_POLL_ROWS);
    assert_int_equal(fake.emit_cnt, i + 1);
  }
  fake_end();
}

MR_TEST(a_read_error_stops_the_graph_after_the_rows_before_it) {
  MR_UNUSED_STATE;
  struct mr_error err = {0};
  begin(&test_op, NULL, MR_IO_MEMORY);
  fake.on_emit = NULL;
  mr_io_memory_put(fake.io, "stdin", "{\"id\": 0}\n{\"id\": 1}\n", 20);
  mr_io_memory_fault(fake.io, &(struct mr_io_fault){MR_IO_READ, 1, 1, EIO, 0});
  reader_conf = (struct mr_reader_conf){.name = "the input", .stream = true, .block_sz = 10};
  assert_int_equal(fake_plan(), MR_OK);
  assert_int_equal(fake_init(&err), MR_OK);
  poll_all();
  assert_int_equal(fake.ctx.counts.rows_in, 1);
  assert_int_equal(fake.fail_code, MR_ERR_IO);
  assert_string_equal(fake.fail_text, "cannot read the input: Input/output error");
  fake_end();
}

/* ---- the operators ---- */

struct file_conf { /* as the option table fills it */
  const char *path;
  struct mr_reader_opts lines;
  bool follow;
  const char *speed;
};

MR_TEST(the_file_source_reads_a_file) {
  MR_UNUSED_STATE;
  static char text[1 << 20], path[] = "/tmp/test_reader_XXXXXX";
  size_t len = make_input(text, 5000, true);
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, len), len);
  close(fd);
  struct file_conf conf = {.path = path, .lines = {-1, {0}, MAX_LINE}, .speed = "max"};
  struct mr_error err = {0};
  begin(&mr_op_file_source, &conf, MR_IO_PLAIN);
  assert_int_equal(fake_plan(), MR_OK);
  assert_int_equal(fake_init(&err), MR_OK);
  assert_string_equal(fake.ctx.source_label, path);
  poll_all();
  check_seen();
  assert_int_equal(fake.total_bytes, len);
  fake_end();
  unlink(path);
}

MR_TEST(a_path_that_is_no_file_is_an_error_of_the_graph) {
  MR_UNUSED_STATE;
  struct file_conf conf = {.path = "/tmp", .lines = {-1, {0}, MAX_LINE}, .speed = "max"};
  const struct {
    const char *path;
    int code;
    const char *text;
  } cases[] = {{"/nowhere/at/all", MR_CODE_NO_INPUT, "No such file or directory"},
               {"/tmp", MR_CODE_NO_INPUT, "Is a directory"},
               {"/nowhere/*.json", MR_CODE_NO_INPUT, "no file matches"}};
  for (uint32_t i = 0; i < 3; i++) {
    conf.path = cases[i].path;
    begin(&mr_op_file_source, &conf, MR_IO_MEMORY);
    assert_int_equal(fake_plan(), MR_ERR_CONF);
    assert_int_equal(fake.error_code, cases[i].code);
    assert_non_null(strstr(fake.error_text, cases[i].text));
    fake_end();
  }
  conf.path = "/nowhere/at/all";
  begin(&mr_op_file_source, &conf, MR_IO_MEMORY);
  fake.plan.no_inputs = true;
  assert_int_equal(fake_plan(), MR_OK);
  struct mr_error err = {0};
  assert_int_equal(fake_init(&err), MR_ERR_IO);
  fake_end();
}

MR_TEST(formats_of_source_and_event_must_agree) {
  MR_UNUSED_STATE;
  struct file_conf conf = {
      .path = "/dev/null", .lines = {0, {true, ",", "\""}, MAX_LINE}, .speed = "max"};
  struct mr_event csv = event;
  csv.format = "csv";
  fake_begin(&mr_op_file_source, &conf, &schema, &csv, MR_IO_MEMORY);
  assert_int_equal(fake_plan(), MR_ERR_CONF);
  assert_int_equal(fake.error_code, MR_CODE_KEYS_CLASH);
  fake_end();
  for (conf.lines.format = -1; conf.lines.format <= 1; conf.lines.format += 2) {
    fake_begin(&mr_op_file_source, &conf, &schema, &csv, MR_IO_MEMORY);
    assert_int_equal(fake_plan(), MR_OK);
    const struct mr_reader_plan *plan = fake.node.op_plan.data;
    assert_int_equal(plan->kind, MR_DECODE_CSV);
    assert_int_equal(plan->csv.delimiter, ',');
    fake_end();
  }
}

int main(void) {
  const struct CMUnitTest cases[] = {
      MR_CASE(lines_cut_at_every_place_give_the_same_rows),
      MR_CASE(many_rows_come_in_batches_of_at_most_row_max),
      MR_CASE(short_reads_change_nothing),
      MR_CASE(a_stream_gives_what_is_there_before_it_waits),
      MR_CASE(a_read_error_stops_the_graph_after_the_rows_before_it),
      MR_CASE(the_file_source_reads_a_file),
      MR_CASE(a_path_that_is_no_file_is_an_error_of_the_graph),
      MR_CASE(formats_of_source_and_event_must_agree),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
