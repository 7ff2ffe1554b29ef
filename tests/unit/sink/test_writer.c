/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/sink/fake_op.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "operators/operators.h"
#include "sink/dead_letter.h"
#include "sink/writer.h"

static struct mr_field fields[] = {
    {.name = "id", .type = MR_TYPE_INT64},
    {.name = "text", .type = MR_TYPE_STRING, .optional = true},
};
static const struct mr_schema schema = {
    .cnt = 2, .visible_cnt = 2, .event_time = -1, .fields = fields};

/* The options of the file sink, as its table fills them. */
struct file_conf {
  const char *path;
  int mode;
  struct mr_writer_opts rows;
};

struct rows {
  struct mr_batch *batch;
  struct mr_col cols[2];
  struct mr_view view;
};

/* cnt rows from first on; row k has a text of len(k) bytes, every fifth one is NULL. */
static uint32_t text_len(uint64_t k, uint32_t max) {
  return (uint32_t)(k * 7919 % (max + 1));
}
static bool text_null(uint64_t k) {
  return k % 5 == 4;
}

static void make_rows(struct rows *r, uint64_t first, uint32_t cnt, uint32_t max) {
  static char text[1 << 16];
  r->batch = mr_pool_take(&fake.pool);
  int64_t *ids = mr_pool_column(&fake.pool, r->batch, 0);
  struct mr_str *texts = mr_pool_column(&fake.pool, r->batch, 1);
  uint64_t *valid = mr_pool_valid(&fake.pool, r->batch, 1);
  memset(valid, 0, MR_BATCH_WORDS * 8);
  for (uint32_t i = 0; i < cnt; i++) {
    uint64_t k = first + i;
    ids[i] = (int64_t)k;
    memset(&texts[i], 0, sizeof texts[i]);
    if (text_null(k)) continue;
    mr_bit_set(valid, i);
    memset(text, 'a' + (int)(k % 26), text_len(k, max));
    assert_true(mr_batch_str(&fake.pool, r->batch, text, text_len(k, max), &texts[i]));
  }
  mr_batch_set_valid(&fake.pool, r->batch, 1);
  r->batch->msg.row_cnt = r->batch->msg.sel_cnt = cnt;
  mr_view_of_batch(&fake.region, r->batch, r->cols, &r->view);
}

/* The same rows as text, by another hand. */
static size_t expect_rows(char *out, uint64_t first, uint32_t cnt, uint32_t max, bool omit) {
  char *p = out;
  for (uint64_t k = first; k < first + cnt; k++) {
    p += sprintf(p, "{\"id\":%llu", (unsigned long long)k);
    if (!text_null(k)) {
      p += sprintf(p, ",\"text\":\"");
      memset(p, 'a' + (int)(k % 26), text_len(k, max));
      p += text_len(k, max);
      p += sprintf(p, "\"");
    } else if (!omit) {
      p += sprintf(p, ",\"text\":null");
    }
    p += sprintf(p, "}\n");
  }
  return (size_t)(p - out);
}

static void assert_same(const char *got, size_t got_len, const char *want, size_t want_len) {
  assert_int_equal(got_len, want_len);
  assert_non_null(got);
  assert_memory_equal(got, want, want_len);
}

static uint64_t count_lines(const char *p, size_t len) {
  uint64_t n = 0;
  for (size_t i = 0; i < len; i++) n += p[i] == '\n';
  return n;
}

/* A writer of its own in place of the sink's, with small buffers. */
static const struct mr_op *small_op(uint32_t buf_sz);
static uint32_t small_buf_sz;
static const struct mr_writer_opts csv_rows = {.format = 1, .csv = {true, ",", "\""}};

static int csv_plan(struct mr_op_plan *p) {
  return mr_writer_plan_opts(p, &csv_rows);
}

static int small_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  int rc = mr_writer_init(ctx->self, ctx, small_buf_sz, err);
  if (!rc) rc = mr_writer_encoder(ctx->self, ctx, MR_WRITER_KEEP, err);
  if (!rc) rc = mr_writer_open(ctx->self, ctx, "out", false, err);
  return rc;
}

static const struct mr_op *small_op(uint32_t buf_sz) {
  static struct mr_op op;
  op = mr_op_file_sink;
  op.plan = mr_writer_plan;
  op.init = small_init;
  small_buf_sz = buf_sz;
  return &op;
}

static void begin(const struct mr_op *op, const void *conf, enum mr_io_backend backend) {
  struct mr_error err = {0};
  fake_begin(op, conf, &schema, NULL, backend);
  fake_pool(&schema, 0);
  assert_int_equal(fake_plan(), MR_OK);
  assert_int_equal(fake_init(&err), MR_OK);
}

MR_TEST(rows_larger_than_both_buffers_come_out_whole_whatever_the_delays) {
  MR_UNUSED_STATE;
  static char want[8 << 20];
  const uint32_t sizes[] = {1024, 1500, 4096, 70000};
  for (uint32_t s = 0; s < 4; s++) {
    for (uint32_t delay = 0; delay < 3; delay++) {
      begin(small_op(sizes[s]), NULL, MR_IO_MEMORY);
      mr_io_memory_delay(fake.io, delay);
      if (delay == 2)
        mr_io_memory_fault(fake.io, &(struct mr_io_fault){MR_IO_WRITE, 0, UINT32_MAX, 0, 333});
      uint64_t at = 0;
      for (uint32_t cnt = 1; cnt < 300; cnt = cnt * 3 + 1) {
        struct rows rows;
        make_rows(&rows, at, cnt, 5000);
        fake_process(&rows.view);
        mr_pool_put(&fake.pool, rows.batch);
        at += cnt;
      }
      fake_finish();
      size_t len, want_len = expect_rows(want, 0, (uint32_t)at, 5000, false);
      const char *got = mr_io_memory_get(fake.io, "out", &len);
      assert_same(got, len, want, want_len);
      assert_int_equal(fake.ctx.counts.rows_out, at);
      assert_int_equal(fake.ctx.counts.rows_in, at);
      assert_int_equal(fake.ctx.counts.bytes_out, len);
      assert_int_equal(fake.ctx.counts.dropped, 0);
      fake_end();
    }
  }
}

MR_TEST(only_selected_rows_are_written) {
  MR_UNUSED_STATE;
  begin(small_op(2048), NULL, MR_IO_MEMORY);
  struct rows rows;
  make_rows(&rows, 0, 100, 100);
  uint64_t sel[MR_BATCH_WORDS] = {0};
  static char want[100000];
  size_t want_len = 0;
  for (uint32_t i = 0; i < 100; i += 7) {
    mr_bit_set(sel, i);
    want_len += expect_rows(want + want_len, i, 1, 100, false);
  }
  rows.view.sel = sel;
  rows.view.sel_cnt = 15;
  fake_process(&rows.view);
  fake_finish();
  size_t len;
  const char *got = mr_io_memory_get(fake.io, "out", &len);
  assert_same(got, len, want, want_len);
  assert_int_equal(fake.ctx.counts.rows_out, 15);
  fake_end();
}

MR_TEST(a_full_disk_stops_the_sink_with_right_accounts) {
  MR_UNUSED_STATE;
  for (uint32_t space = 0; space < 40000; space += 1777) {
    begin(small_op(4096), NULL, MR_IO_MEMORY);
    mr_io_memory_delay(fake.io, space % 3);
    mr_io_memory_space(fake.io, space);
    uint64_t at = 0;
    for (int i = 0; i < 20 && !fake.fail_code; i++, at += 50) {
      struct rows rows;
      make_rows(&rows, at, 50, 300);
      fake_process(&rows.view);
      mr_pool_put(&fake.pool, rows.batch);
    }
    fake_finish();
    size_t len;
    const char *got = mr_io_memory_get(fake.io, "out", &len);
    assert_int_equal(fake.fail_code, MR_ERR_IO);
    assert_string_equal(fake.fail_text, "cannot write out: No space left on device");
    assert_int_equal(len, space);
    assert_int_equal(fake.ctx.counts.rows_out, count_lines(got, len));
    assert_int_equal(fake.ctx.counts.rows_in, fake.ctx.counts.rows_out + fake.ctx.counts.dropped);
    assert_int_equal(fake.ctx.counts.rows_in, at);
    assert_int_equal(fake.ctx.counts.bytes_out, space);
    fake_end();
  }
}

MR_TEST(a_full_disk_counts_csv_rows_without_their_header) {
  MR_UNUSED_STATE;
  static const char header[] = "id,text\n";
  for (uint32_t space = 0; space < 9000; space += 613) {
    static struct mr_op op;
    op = *small_op(1024);
    op.plan = csv_plan;
    begin(&op, NULL, MR_IO_MEMORY);
    mr_io_memory_space(fake.io, space);
    uint64_t at = 0;
    for (int i = 0; i < 20 && !fake.fail_code; i++, at += 10) {
      struct rows rows;
      make_rows(&rows, at, 10, i % 4 ? 100 : 3000); /* larger than a buffer, too */
      fake_process(&rows.view);
      mr_pool_put(&fake.pool, rows.batch);
    }
    fake_finish();
    size_t len;
    const char *got = mr_io_memory_get(fake.io, "out", &len);
    assert_int_equal(fake.fail_code, MR_ERR_IO);
    assert_int_equal(len, space);
    if (len >= sizeof header) assert_memory_equal(got, header, sizeof header - 1);
    uint64_t ends = count_lines(got, len);
    assert_int_equal(fake.ctx.counts.rows_out, ends ? ends - 1 : 0);
    assert_int_equal(fake.ctx.counts.rows_in, fake.ctx.counts.rows_out + fake.ctx.counts.dropped);
    fake_end();
  }
}

MR_TEST(a_failing_close_is_an_error) {
  MR_UNUSED_STATE;
  begin(small_op(4096), NULL, MR_IO_MEMORY);
  mr_io_memory_fault(fake.io, &(struct mr_io_fault){MR_IO_CLOSE, 0, 1, EIO, 0});
  struct rows rows;
  make_rows(&rows, 0, 3, 10);
  fake_process(&rows.view);
  fake_finish();
  assert_int_equal(fake.fail_code, MR_ERR_IO);
  assert_int_equal(fake.ctx.counts.rows_out, 3);
  assert_int_equal(fake.ctx.counts.dropped, 0);
  fake_end();
}

MR_TEST(a_tick_hands_over_what_is_there) {
  MR_UNUSED_STATE;
  begin(small_op(4096), NULL, MR_IO_MEMORY);
  struct rows rows;
  make_rows(&rows, 0, 3, 10);
  fake_process(&rows.view);
  size_t len;
  mr_io_memory_get(fake.io, "out", &len);
  assert_int_equal(len, 0);
  fake.op->tick(&fake.ctx, 0);
  fake_drain(100);
  const char *got = mr_io_memory_get(fake.io, "out", &len);
  assert_int_equal(count_lines(got, len), 3);
  fake_end();
}

static int eager_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  int rc = small_init(ctx, err);
  ((struct mr_writer *)ctx->self)->eager = true;
  return rc;
}

/* Lines in the file after two views of cnt rows, the second while the first is being written. */
static uint64_t lines_after_two(uint32_t cnt) {
  static struct mr_op op;
  op = *small_op(1 << 20);
  op.init = eager_init;
  begin(&op, NULL, MR_IO_MEMORY);
  mr_io_memory_delay(fake.io, 3);
  for (uint64_t i = 0; i < 2; i++) {
    struct rows rows;
    make_rows(&rows, i * cnt, cnt, 10);
    fake_process(&rows.view);
    mr_pool_put(&fake.pool, rows.batch);
  }
  while (mr_io_poll(fake.io)) continue;
  size_t len;
  const char *got = mr_io_memory_get(fake.io, "out", &len);
  uint64_t lines = count_lines(got, len);
  fake_end();
  return lines;
}

MR_TEST(an_eager_sink_leaves_no_small_view_behind) {
  MR_UNUSED_STATE;
  assert_int_equal(lines_after_two(1), 2);
  assert_int_equal(lines_after_two(255), 510);
  assert_int_equal(lines_after_two(1000), 1000); /* the second waits for the next one, or a tick */
}

MR_TEST(an_aborted_sink_keeps_whole_rows_only) {
  MR_UNUSED_STATE;
  begin(small_op(4096), NULL, MR_IO_MEMORY);
  mr_io_memory_delay(fake.io, 2);
  struct rows rows;
  make_rows(&rows, 0, 100, 3000);
  fake.ctx.counts.rows_in += 100;
  fake.op->process(&fake.ctx, &rows.view);
  assert_true(fake.ctx.more); /* and nobody drains */
  fake.op->fini(&fake.ctx);
  size_t len;
  const char *got = mr_io_memory_get(fake.io, "out", &len);
  assert_true(len > 0);
  assert_int_equal(got[len - 1], '\n');
  assert_int_equal(fake.ctx.counts.rows_out, count_lines(got, len));
  assert_int_equal(fake.ctx.counts.rows_out + fake.ctx.counts.dropped, 100);
  static struct mr_op op;
  op = *fake.op;
  op.fini = NULL;
  fake.op = &op;
  fake_end();
}

/* ---- the operators over real files ---- */

static char dir[64], path[160];

static void make_dir(const char *file) {
  snprintf(dir, sizeof dir, "/tmp/test_writer_XXXXXX");
  assert_non_null(mkdtemp(dir));
  snprintf(path, sizeof path, "%s/%s", dir, file);
}

static void remove_dir(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", dir);
  assert_int_equal(system(command), 0);
}

static size_t read_path(char *buf, size_t sz) {
  FILE *f = fopen(path, "r");
  assert_non_null(f);
  size_t n = fread(buf, 1, sz, f);
  fclose(f);
  return n;
}

static void run_file_sink(const struct file_conf *conf, uint64_t first, uint32_t cnt) {
  begin(&mr_op_file_sink, conf, MR_IO_PLAIN);
  if (cnt) {
    struct rows rows;
    make_rows(&rows, first, cnt, 50);
    fake_process(&rows.view);
  }
  fake_finish();
  assert_int_equal(fake.fail_code, 0);
  fake_end();
}

MR_TEST(a_file_sink_overwrites_or_appends_and_makes_its_file_without_rows) {
  MR_UNUSED_STATE;
  static char got[100000], want[100000];
  make_dir("out");
  struct file_conf conf = {.path = path};
  run_file_sink(&conf, 0, 0);
  assert_int_equal(read_path(got, sizeof got), 0);
  run_file_sink(&conf, 0, 20);
  run_file_sink(&conf, 20, 10);
  size_t want_len = expect_rows(want, 20, 10, 50, false);
  assert_same(got, read_path(got, sizeof got), want, want_len);
  conf.mode = 1;
  conf.rows.nulls = 1;
  run_file_sink(&conf, 30, 10);
  want_len += expect_rows(want + want_len, 30, 10, 50, true);
  assert_same(got, read_path(got, sizeof got), want, want_len);
  remove_dir();
}

MR_TEST(a_csv_file_has_one_header_however_often_it_is_appended_to) {
  MR_UNUSED_STATE;
  static char got[1000];
  make_dir("out");
  struct file_conf conf = {.path = path, .mode = 1, .rows = csv_rows};
  run_file_sink(&conf, 0, 0);
  got[read_path(got, sizeof got - 1)] = 0;
  assert_string_equal(got, "id,text\n");
  run_file_sink(&conf, 7, 2);
  run_file_sink(&conf, 9, 1);
  got[read_path(got, sizeof got - 1)] = 0;
  assert_int_equal(count_lines(got, strlen(got)), 4);
  assert_ptr_equal(strstr(got, "id,"), got);
  assert_null(strstr(got + 1, "id,"));
  assert_non_null(strstr(got, "\n7,"));
  assert_non_null(strstr(got, "\n9,"));
  remove_dir();
}

MR_TEST(folders_are_made_below_data_dir_only) {
  MR_UNUSED_STATE;
  make_dir("a/b/out");
  struct file_conf conf = {.path = path};
  struct mr_error err = {0};
  fake_begin(&mr_op_file_sink, &conf, &schema, NULL, MR_IO_PLAIN);
  assert_int_equal(fake_plan(), MR_OK);
  assert_int_equal(fake_init(&err), MR_ERR_IO);
  assert_non_null(strstr(err.text, path));
  assert_non_null(strstr(err.text, "No such file or directory"));
  fake_end();
  fake_begin(&mr_op_file_sink, &conf, &schema, NULL, MR_IO_PLAIN);
  fake.plan.runtime.data_dir = dir;
  assert_int_equal(fake_plan(), MR_OK);
  assert_int_equal(fake_init(&err), MR_OK);
  fake_end();
  assert_int_equal(access(path, F_OK), 0);
  remove_dir();
}

MR_TEST(a_device_without_room_fails_the_sink) {
  MR_UNUSED_STATE;
  struct file_conf conf = {.path = "/dev/full"};
  if (access(conf.path, W_OK) < 0) mr_skip("needs /dev/full");
  begin(&mr_op_file_sink, &conf, MR_IO_PLAIN);
  struct rows rows;
  make_rows(&rows, 0, 1000, 50);
  fake_process(&rows.view);
  fake_finish();
  assert_int_equal(fake.fail_code, MR_ERR_IO);
  assert_string_equal(fake.fail_text, "cannot write /dev/full: No space left on device");
  assert_int_equal(fake.ctx.counts.rows_out, 0);
  assert_int_equal(fake.ctx.counts.dropped, 1000);
  fake_end();
}

MR_TEST(dead_letters_make_their_file_at_the_first_row) {
  MR_UNUSED_STATE;
  static char got[100000], want[100000];
  make_dir("dead_letters/graph/node.ndjson");
  struct mr_dead_letter_conf conf = {.path = path};
  begin(&mr_op_dead_letter, &conf, MR_IO_PLAIN);
  fake_finish();
  fake_end();
  assert_int_equal(access(path, F_OK), -1);
  for (int i = 0; i < 2; i++) {
    begin(&mr_op_dead_letter, &conf, MR_IO_PLAIN);
    struct rows rows;
    make_rows(&rows, 10, 20, 50);
    fake_process(&rows.view);
    fake_finish();
    assert_int_equal(fake.ctx.counts.rows_out, 20);
    fake_end();
  }
  size_t want_len = expect_rows(want, 10, 20, 50, true);
  want_len += expect_rows(want + want_len, 10, 20, 50, true);
  assert_same(got, read_path(got, sizeof got), want, want_len);
  remove_dir();
}

MR_TEST(dead_letters_that_cannot_be_written_stop_the_graph) {
  MR_UNUSED_STATE;
  struct mr_dead_letter_conf conf = {.path = "/proc/no/such/folder"};
  begin(&mr_op_dead_letter, &conf, MR_IO_PLAIN);
  struct rows rows;
  make_rows(&rows, 10, 20, 50);
  fake_process(&rows.view);
  fake_finish();
  assert_int_equal(fake.fail_code, MR_ERR_IO);
  assert_non_null(strstr(fake.fail_text, "cannot write /proc/no/such/folder"));
  assert_int_equal(fake.ctx.counts.dropped, 20);
  fake_end();
}

int main(void) {
  const struct CMUnitTest cases[] = {
      MR_CASE(rows_larger_than_both_buffers_come_out_whole_whatever_the_delays),
      MR_CASE(only_selected_rows_are_written),
      MR_CASE(a_full_disk_stops_the_sink_with_right_accounts),
      MR_CASE(a_full_disk_counts_csv_rows_without_their_header),
      MR_CASE(a_failing_close_is_an_error),
      MR_CASE(a_tick_hands_over_what_is_there),
      MR_CASE(an_eager_sink_leaves_no_small_view_behind),
      MR_CASE(an_aborted_sink_keeps_whole_rows_only),
      MR_CASE(a_file_sink_overwrites_or_appends_and_makes_its_file_without_rows),
      MR_CASE(a_csv_file_has_one_header_however_often_it_is_appended_to),
      MR_CASE(folders_are_made_below_data_dir_only),
      MR_CASE(a_device_without_room_fails_the_sink),
      MR_CASE(dead_letters_make_their_file_at_the_first_row),
      MR_CASE(dead_letters_that_cannot_be_written_stop_the_graph),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
