/* SPDX-License-Identifier: Apache-2.0 */
/* topic: rows become records of a topic. A record is appended to the partition of its key; the
 * partition's log writes, syncs and acknowledges it (topic/log.h). Rows are encoded a chunk at a
 * time and appended line by line.
 *
 *   view --> [lines] --append--> logs --poll--> acknowledged: counted as rows_out
 *
 * Nothing here blocks; where a log has no room, ctx->more is set and the next drain goes on. */
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "expr/expr.h"
#include "format/json_encode.h"
#include "format/row_text.h"
#include "graph/codes.h"
#include "graph/compile.h"
#include "graph/plan.h"
#include "graph/tree.h"
#include "operators/operators.h"
#include "sink/topic_conf.h"
#include "state/save.h"
#include "topic/reader.h"
#include "worker/ctx.h"

#define CHUNK_SZ     (256u << 10)         /* bytes of rows that are encoded at once */
#define ROW_MAX      (UINT64_C(16) << 20) /* bytes of the largest row */
#define FLUSH_NS     UINT64_C(200000)     /* under load, rows wait this long for company */
#define TICK_US      500000
#define FULL_WAIT_NS INT64_C(1000000000) /* that a close waits for a full disk */
#define CODE_LARGE   3010

static const char *const value_words[] = {"json", "raw", NULL};
static const char *const create_words[] = {"auto", "never", NULL};
static const char *const delivery_words[] = {"exactly_once", "at_least_once", NULL};

static const struct mr_opt retention_opts[] = {
    {"age", MR_OPT_DURATION_US, MR_OPT_AT(struct mr_topic_retention, age_us), .min = 1000,
     .max = 1e17, .help = "segments whose newest record is older go", .example = "24h"},
    {"size", MR_OPT_SIZE, MR_OPT_AT(struct mr_topic_retention, size), .min = 1, .max = 1e18,
     .help = "oldest segments of a partition go while the rest has this much"},
    MR_OPT_END};

#define AT(member)  MR_OPT_AT(struct mr_topic_sink_conf, member)
#define REF(member) MR_OPT_REF(struct mr_topic_sink_conf, member)
static const struct mr_opt topic_opts[] = {
    {"topic", MR_OPT_STRING, AT(topic), .required = true, .help = "topic to append to",
     .example = "city-alerts"},
    {"dir", MR_OPT_STRING, AT(dir), .help = "folder of topics in place of DATA_DIR/topics",
     .example = "/var/lib/millrace/topics"},
    {"key", MR_OPT_EXPR, AT(key), .example = "city",
     .help = "the record's key as text: equal keys go to one partition, where Kafka's clients put "
             "them; NULL or without it: none"},
    {"value", MR_OPT_ENUM, AT(value), .words = value_words, .def = "json",
     .help = "json: the row as an object; raw: the text of the only column, or of one named value"},
    {"partitions", MR_OPT_INT64, AT(partitions), .def = "1", .min = 1,
     .max = MR_TOPIC_PARTITIONS_MAX, .given = REF(partitions_given),
     .help = "of a topic that is created"},
    {"create", MR_OPT_ENUM, AT(create), .words = create_words, .def = "auto",
     .help = "whether a topic that is missing is created"},
    {"sync", MR_OPT_ENUM, AT(sync), .words = mr_topic_syncs, .def = "always",
     .given = REF(sync_given),
     .help = "of a topic that is created, when records are acknowledged: on the disk; written, and "
             "on the disk every sync_every; written"},
    {"sync_every", MR_OPT_DURATION_US, AT(sync_every_us), .def = "1s", .min = 1000, .max = 3.6e9,
     .help = "sync: interval: what a power cut may take"},
    {"compression", MR_OPT_ENUM, AT(compression), .words = mr_topic_codecs, .def = "none",
     .given = REF(compression_given), .help = "how batches of records are packed"},
    {"retention", MR_OPT_TABLE, AT(retention), .sub = retention_opts, .given = REF(retention_given),
     .help = "how long records stay; without it for ever"},
    {"segment", MR_OPT_SIZE, AT(segment_sz), .def = "256MiB", .min = 4096,
     .max = MR_TOPIC_SEGMENT_MAX, .given = REF(segment_given),
     .help = "size of a file; retention takes whole ones"},
    {"delivery", MR_OPT_ENUM, AT(delivery), .words = delivery_words, .def = "exactly_once",
     .help = "under a checkpoint, whether readers see records once it holds them, or as soon as "
             "they are acknowledged, and after a crash again"},
    MR_OPT_END};

struct sink_plan {
  const struct mr_expr *key; /* NULL: none */
  int32_t value_col;         /* value: raw, else -1 */
  int32_t raw_col;           /* lines of an untyped source, else -1 */
  bool raw_some;
};

struct topic_sink {
  struct mr_topic *topic;
  uint32_t part_cnt;
  int64_t *first; /* by partition: the offset of the first record of this run */
  const struct mr_json_encoder *json;
  struct mr_expr_frame frame;
  struct mr_vec key;
  const struct mr_view *in; /* being appended; NULL: none */
  struct mr_view view;      /* its rows without those in error */
  uint64_t sel[MR_BATCH_WORDS], bad[MR_BATCH_WORDS], large[MR_BATCH_WORDS];
  uint32_t row; /* to be appended next */
  char *lines;
  uint64_t line_at, line_end; /* encoded and not yet appended */
  struct mr_json_cursor cursor;
  uint64_t line_sz;   /* of the row at hand; 0: it has not been looked for */
  int32_t partition;  /* of the row at hand, -1: not picked yet */
  char key_text[128]; /* a key that is no string */
  bool fresh;         /* rows came since the last poll */
  bool finishing, full_said;
  uint64_t flush_ns;
  bool held;          /* readers see what a durable checkpoint holds */
  uint64_t snapshot;  /* the checkpoint that waits to be durable; 0: none */
  int64_t *snapshots; /* by partition: the end that it holds */
};

/* ---- plan ---- */

static int32_t find_hidden_raw(const struct mr_schema *schema) {
  for (uint32_t c = schema->visible_cnt; c < schema->cnt; c++)
    if (schema->fields[c].type == MR_TYPE_STRING && !strcmp(schema->fields[c].name, "raw"))
      return (int32_t)c;
  return -1;
}

/* The column whose text is the value: the line of an untyped source, the only one, or `value`. */
static int plan_value(struct mr_op_plan *p, struct sink_plan *data) {
  const struct mr_topic_sink_conf *conf = p->conf;
  data->value_col = -1;
  data->raw_col = find_hidden_raw(p->in);
  data->raw_some = data->raw_col >= 0 && p->in->fields[data->raw_col].optional;
  if (conf->value == MR_TOPIC_VALUE_JSON) return MR_OK;
  int32_t col = data->raw_col;
  if (col < 0) col = mr_schema_find(p->in, "value", 5);
  if (col < 0 && p->in->visible_cnt == 1) col = 0;
  if (col >= 0 && p->in->fields[col].type == MR_TYPE_STRING) {
    data->value_col = col;
    return MR_OK;
  }
  return mr_op_error(p, mr_tree_get(p->tree, "value"), MR_CODE_KEYS_CLASH,
                     "value: raw takes the one string column that a row has, or one named value; "
                     "make it with a map");
}

static int plan_key(struct mr_op_plan *p, struct sink_plan *data) {
  const struct mr_topic_sink_conf *conf = p->conf;
  if (!conf->key.text) return MR_OK;
  data->key = mr_op_expr(p, &conf->key, MR_TYPE_NONE);
  if (!data->key) return MR_ERR_CONF;
  if (data->key->field.type != MR_TYPE_LIST) return MR_OK;
  return mr_op_error(p, mr_tree_get(p->tree, "key"), MR_CODE_WRONG_TYPE, "a list is no key");
}

/* One writer per topic, in the graph as in the world. */
static int check_alone(struct mr_op_plan *p, const char *dir) {
  const struct mr_topic_sink_conf *conf = p->conf;
  for (uint32_t i = 0; i < p->plan->node_cnt; i++) {
    const struct mr_plan_node *n = &p->plan->nodes[i];
    const struct mr_topic_sink_conf *its = n->conf;
    if (n == p->node) break;
    if (n->op != &mr_op_topic_sink || !its->topic || strcmp(its->topic, conf->topic) != 0) continue;
    if (!strcmp(mr_topic_dir(p->arena, p->plan->runtime.data_dir, its->dir), dir))
      return mr_op_error(p, mr_tree_get(p->tree, "topic"), MR_CODE_KEYS_CLASH,
                         "%s writes topic %s already: give this sink both in its from", n->name,
                         conf->topic);
  }
  return MR_OK;
}

static int plan_place(struct mr_op_plan *p) {
  const struct mr_topic_sink_conf *conf = p->conf;
  const char *dir = mr_topic_dir(p->arena, p->plan->runtime.data_dir, conf->dir);
  struct mr_error err = {0};
  uint32_t partitions;
  int rc = mr_topic_check_name(p, conf->topic);
  if (!rc) rc = check_alone(p, dir);
  struct mr_tree *every = mr_tree_get(p->tree, "sync_every");
  if (every && conf->sync != MR_TOPIC_SYNC_INTERVAL)
    rc = mr_op_error(p, every, MR_CODE_KEYS_CLASH, "sync_every goes with sync: interval");
  if (rc || conf->create == 0 || p->plan->no_inputs) return rc;
  if (!mr_topic_look(dir, conf->topic, &partitions, &err)) return MR_OK;
  return mr_op_error(p, mr_tree_get(p->tree, "topic"), MR_CODE_NO_INPUT, "%s", err.text);
}

static int topic_plan(struct mr_op_plan *p) {
  struct sink_plan *data = MR_NEW(p->arena, struct sink_plan, 1);
  int key_rc = plan_key(p, data), value_rc = plan_value(p, data), rc = plan_place(p);
  p->data = data;
  p->can_fail = true; /* a row may be too large */
  if (!p->every_us && !p->plan->runtime.virtual_clock) p->every_us = TICK_US;
  p->state_max = ROW_MAX + CHUNK_SZ;
  return key_rc ? key_rc : value_rc ? value_rc : rc;
}

static void topic_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                       bool *in_need) {
  const struct sink_plan *data = p->data;
  (void)out_need;
  for (uint32_t c = 0; data->key && c < p->in->cnt; c++) in_need[c] = data->key->reads[c];
  if (data->value_col >= 0) {
    in_need[data->value_col] = true;
    return;
  }
  if (data->raw_col >= 0) in_need[data->raw_col] = true;
  for (uint32_t c = 0; (data->raw_col < 0 || data->raw_some) && c < p->in->visible_cnt; c++)
    in_need[c] = true;
}

/* ---- init ---- */

/* A topic keeps what it was created with. */
static void tell_differences(struct mr_op_ctx *ctx, const struct mr_topic_conf *is) {
  const struct mr_topic_sink_conf *conf = ctx->conf;
  struct mr_topic_conf want = mr_topic_sink_makes(conf);
  const char *what = NULL;
  if (conf->partitions_given && want.partitions != is->partitions) what = "partitions";
  if (conf->sync_given && want.log.sync != is->log.sync) what = "sync";
  if (conf->compression_given && want.log.codec != is->log.codec) what = "compression";
  if (conf->segment_given && want.log.segment_sz != is->log.segment_sz) what = "segment";
  if (conf->retention_given && (want.log.retention_age_ms != is->log.retention_age_ms ||
                                want.log.retention_sz != is->log.retention_sz))
    what = "retention";
  if (what)
    mr_log_write(ctx->log, MR_LOG_WARN, "MR5015", ctx->node->name,
                 "topic %s is there and keeps what it was created with: its %s is another",
                 conf->topic, what);
}

/* Where readers are: what lies behind it was never published, by a graph whose checkpoint is gone.
 */
static int published_ends(struct mr_op_ctx *ctx, const char *dir, uint32_t cnt, int64_t *ends,
                          struct mr_error *err) {
  const struct mr_topic_sink_conf *conf = ctx->conf;
  for (uint32_t p = 0; p < cnt; p++) {
    struct mr_topic_reader_conf how = {
        .dir = dir, .topic = conf->topic, .partition = p, .start = MR_TOPIC_LATEST};
    struct mr_topic_reader *reader;
    int rc = mr_topic_reader_open(&reader, ctx->io, &how, err);
    if (rc) return rc;
    ends[p] = mr_topic_reader_end(reader);
    mr_topic_reader_close(reader);
  }
  return MR_OK;
}

/* Opens the partitions; ends: where they are to go on, NULL: at their end. */
static int open_logs(struct mr_op_ctx *ctx, const char *dir, uint32_t cnt, const int64_t *ends,
                     struct mr_error *err) {
  const struct mr_topic_sink_conf *conf = ctx->conf;
  struct topic_sink *self = ctx->self;
  struct mr_topic_open how = {
      .dir = dir, .name = conf->topic, .held = self->held, .roll_back_to = ends};
  struct mr_topic_recovery *found = MR_NEW(ctx->arena, struct mr_topic_recovery, cnt + 1);
  int rc = mr_topic_open(&self->topic, ctx->io, &how, found, err);
  if (rc) return err->code = rc == MR_ERR_DATA ? MR_ERR_IO : rc;
  for (uint32_t p = 0; p < cnt; p++) {
    self->first[p] = found[p].end;
    if (found[p].bytes_cut && !ends)
      mr_log_write(ctx->log, MR_LOG_WARN, "MR5016", ctx->node->name,
                   "%s-%u was not closed: %llu bytes of a torn end were cut, it goes on at %lld",
                   conf->topic, p, (unsigned long long)found[p].bytes_cut, (long long)found[p].end);
  }
  return MR_OK;
}

static int open_topic(struct mr_op_ctx *ctx, struct mr_error *err) {
  const struct mr_topic_sink_conf *conf = ctx->conf;
  struct topic_sink *self = ctx->self;
  const char *dir = mr_topic_dir(ctx->arena, ctx->plan->runtime.data_dir, conf->dir);
  struct mr_topic_conf made;
  int rc = mr_topic_ready(ctx->io, dir, conf->topic, conf->create == 0 ? conf : NULL, &made, err);
  if (rc) return rc;
  tell_differences(ctx, &made);
  self->part_cnt = made.partitions;
  self->first = MR_NEW(ctx->arena, int64_t, made.partitions + 1);
  self->snapshots = MR_NEW(ctx->arena, int64_t, made.partitions + 1);
  self->held = ctx->checkpoints && conf->delivery == MR_TOPIC_EXACTLY_ONCE;
  int64_t *ends = MR_NEW(ctx->arena, int64_t, made.partitions + 1);
  if (self->held && !ctx->restoring) rc = published_ends(ctx, dir, made.partitions, ends, err);
  if (rc) return rc;
  return open_logs(ctx, dir, made.partitions, self->held && !ctx->restoring ? ends : NULL, err);
}

static int topic_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  struct topic_sink *self = ctx->self;
  const struct sink_plan *data = ctx->data;
  struct mr_json_encode_conf json = {.schema = ctx->node->op_plan.in, .raw_col = data->raw_col};
  self->json = mr_json_encoder_create(ctx->arena, &json, err);
  if (!self->json) return err->code;
  uint64_t off = mr_region_reserve(ctx->region_rw, ROW_MAX + CHUNK_SZ, "output buffers");
  if (!off) return mr_error_set(err, MR_ERR_NOMEM, "no room for output buffers");
  self->lines = mr_region_ptr(ctx->region_rw, off);
  int rc = MR_OK;
  if (data->key)
    rc = mr_expr_frame_init(&self->frame, ctx->arena, ctx->region_rw, &data->key, 1, ctx->isa,
                            "expressions", err);
  return rc ? rc : open_topic(ctx, err);
}

/* ---- what the logs say ---- */

static uint64_t acked(const struct topic_sink *self) {
  uint64_t cnt = 0;
  for (uint32_t p = 0; p < self->part_cnt; p++)
    cnt += (uint64_t)(mr_topic_log_acked(mr_topic_log_at(self->topic, p)) - self->first[p]);
  return cnt;
}

static uint64_t appended(const struct topic_sink *self) {
  uint64_t cnt = 0;
  for (uint32_t p = 0; p < self->part_cnt; p++)
    cnt += (uint64_t)(mr_topic_log_end(mr_topic_log_at(self->topic, p)) - self->first[p]);
  return cnt;
}

/* One line when the disk is full, and one when it is not any more. */
static void tell_full(struct mr_op_ctx *ctx) {
  struct topic_sink *self = ctx->self;
  const char *path = NULL;
  uint64_t bytes = 0;
  bool full = false;
  for (uint32_t p = 0; p < self->part_cnt && !full; p++)
    full = mr_topic_log_waits(mr_topic_log_at(self->topic, p), &path, &bytes);
  if (full == self->full_said) return;
  self->full_said = full;
  if (full)
    mr_log_write(ctx->log, MR_LOG_WARN, "MR5011", ctx->node->name,
                 "the disk is full: %s needs %llu bytes; waiting for room", path,
                 (unsigned long long)bytes);
  else
    mr_log_write(ctx->log, MR_LOG_INFO, NULL, ctx->node->name, "there is room again: going on");
}

/* False: the graph was stopped. */
static bool poll_logs(struct mr_op_ctx *ctx) {
  struct topic_sink *self = ctx->self;
  int rc = mr_topic_poll(self->topic, ctx->now_ns, ctx->now_us / 1000);
  ctx->counts.rows_out = acked(self);
  tell_full(ctx);
  if (!rc) return true;
  for (uint32_t p = 0; p < self->part_cnt; p++) {
    const struct mr_error *failed = mr_topic_log_failed(mr_topic_log_at(self->topic, p));
    if (!failed) continue;
    mr_op_fail(ctx, MR_ERR_IO, "%s", failed->text);
    return false;
  }
  mr_op_fail(ctx, MR_ERR_IO, "cannot write the topic");
  return false;
}

/* ---- rows ---- */

/* The bytes of the row's key; NULL: it has none. */
static const char *key_of(struct mr_op_ctx *ctx, uint32_t row, uint32_t *len) {
  struct topic_sink *self = ctx->self;
  const struct sink_plan *data = ctx->data;
  const struct mr_field *f = &data->key->field;
  *len = 0;
  if (f->type == MR_TYPE_NONE || (self->key.valid && !mr_bit_get(self->key.valid, row)))
    return NULL;
  if (f->codes) {
    uint32_t code = ((const uint8_t *)self->key.data)[row];
    *len = f->codes->lens[code];
    return f->codes->texts[code];
  }
  if (f->type == MR_TYPE_STRING) {
    const struct mr_str *s = (const struct mr_str *)self->key.data + row;
    *len = s->len;
    return mr_str_data(s, ctx->region->base);
  }
  struct mr_col col = {self->key.data, self->key.valid};
  size_t n =
      mr_format_value_text(f, ctx->region->base, &col, row, self->key_text, sizeof self->key_text);
  bool quoted = n >= 2 && self->key_text[0] == '"'; /* a time */
  *len = (uint32_t)(quoted ? n - 2 : n);
  return self->key_text + quoted;
}

/* Encodes until the line of the row at hand is whole; false: it is larger than any may be. */
static bool encode_line(struct mr_op_ctx *ctx) {
  struct topic_sink *self = ctx->self;
  uint64_t nulls = self->cursor.nan_null, looked = self->line_at;
  const char *end = NULL;
  for (;;) {
    end = memchr(self->lines + looked, '\n', self->line_end - looked);
    if (end || self->line_end + CHUNK_SZ > ROW_MAX + CHUNK_SZ) break;
    if (self->line_at == self->line_end) self->line_at = self->line_end = 0;
    looked = self->line_end;
    self->line_end += mr_json_encode(self->json, &self->view, ctx->region->base, &self->cursor,
                                     self->lines + looked, CHUNK_SZ);
  }
  ctx->counts.nan_null += self->cursor.nan_null - nulls;
  if (end) self->line_sz = (uint64_t)(end - (self->lines + self->line_at)) + 1;
  return end != NULL;
}

/* The rest of a row that is too large is encoded and forgotten. */
static void skip_line(struct mr_op_ctx *ctx) {
  struct topic_sink *self = ctx->self;
  const char *end = NULL;
  while (!end) {
    self->line_end = mr_json_encode(self->json, &self->view, ctx->region->base, &self->cursor,
                                    self->lines, CHUNK_SZ);
    end = memchr(self->lines, '\n', self->line_end);
  }
  self->line_at = (uint64_t)(end - self->lines) + 1;
}

/* The value of the row at hand; false: it is too large. */
static bool value_of(struct mr_op_ctx *ctx, uint32_t row, struct mr_record *rec) {
  struct topic_sink *self = ctx->self;
  const struct sink_plan *data = ctx->data;
  if (data->value_col < 0) {
    if (!self->line_sz && !encode_line(ctx)) return false;
    rec->value = self->lines + self->line_at;
    rec->value_sz = (uint32_t)self->line_sz - 1;
    return true;
  }
  const struct mr_field *f = &ctx->node->op_plan.in->fields[data->value_col];
  const struct mr_col *col = &self->view.cols[data->value_col];
  if (col->valid && !mr_bit_get(col->valid, row)) return true; /* without a value */
  if (f->codes) {
    uint32_t code = ((const uint8_t *)col->data)[row];
    rec->value = f->codes->texts[code];
    rec->value_sz = f->codes->lens[code];
    return true;
  }
  const struct mr_str *s = (const struct mr_str *)col->data + row;
  rec->value = mr_str_data(s, ctx->region->base);
  rec->value_sz = s->len;
  return true;
}

static void row_done(struct topic_sink *self) {
  self->line_at += self->line_sz;
  self->line_sz = 0;
  self->partition = -1;
  self->row++;
}

/* Appends a row. False: not now, or the graph was stopped. */
static bool append_row(struct mr_op_ctx *ctx) {
  struct topic_sink *self = ctx->self;
  const struct sink_plan *data = ctx->data;
  struct mr_record rec = {.timestamp_ms = ctx->now_us / 1000};
  int64_t rc = MR_ERR_LIMIT;
  bool fits = value_of(ctx, self->row, &rec);
  if (fits) {
    if (data->key) rec.key = key_of(ctx, self->row, &rec.key_sz);
    if (self->partition < 0) self->partition = (int32_t)mr_topic_pick(self->topic, &rec);
    struct mr_topic_log *log = mr_topic_log_at(self->topic, (uint32_t)self->partition);
    rc = mr_topic_log_append(log, &rec);
    if (rc == MR_ERR_AGAIN) {
      mr_topic_flush(self->topic, ctx->now_ns);
      if (!poll_logs(ctx)) return false;
      rc = mr_topic_log_append(log, &rec);
    }
  }
  if (rc == MR_ERR_AGAIN) {
    ctx->more = true;
    return false;
  }
  if (rc == MR_ERR_LIMIT) {
    mr_bit_set(self->bad, self->row);
    mr_bit_set(self->large, self->row);
    if (!fits) skip_line(ctx);
  } else if (rc < 0) {
    poll_logs(ctx);
    return false;
  } else {
    ctx->counts.bytes_out += rec.value_sz;
  }
  row_done(self);
  return true;
}

static int row_cause(struct mr_op_ctx *ctx, uint32_t row, char *text, size_t sz) {
  struct topic_sink *self = ctx->self;
  const struct sink_plan *data = ctx->data;
  if (!mr_bit_get(self->large, row)) return mr_expr_cause(data->key, &self->frame, row, text, sz);
  snprintf(text, sz, "the row is larger than a record may be");
  return CODE_LARGE;
}

static void go_on(struct mr_op_ctx *ctx) {
  struct topic_sink *self = ctx->self;
  const struct mr_view *in = self->in;
  while (in && self->row < in->row_cnt) {
    if (!mr_bit_get(self->sel, self->row))
      self->row++;
    else if (!append_row(ctx))
      return;
  }
  self->in = NULL;
  if (in) mr_reject_rows(ctx, in, self->bad, row_cause);
  self->fresh = ctx->polls = true;
  if (!self->finishing) return;
  mr_topic_flush(self->topic, ctx->now_ns);
  if (poll_logs(ctx) && acked(self) < appended(self)) ctx->more = true;
}

static void topic_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct topic_sink *self = ctx->self;
  const struct sink_plan *data = ctx->data;
  uint32_t words = mr_bitmap_words(in->row_cnt);
  uint64_t all[MR_BATCH_WORDS];
  self->in = in;
  self->view = *in;
  memcpy(self->sel, mr_view_sel(in, all), words * sizeof *all);
  memset(self->bad, 0, words * sizeof *all);
  memset(self->large, 0, words * sizeof *all);
  if (data->key) {
    self->frame.now_us = ctx->now_us;
    self->frame.now_alone = !ctx->virtual_clock;
    mr_expr_frame_reset(&self->frame);
    mr_expr_eval(data->key, &self->frame, in, &self->key);
    for (uint32_t w = 0; self->key.err && w < words; w++) {
      self->bad[w] = self->key.err[w] & self->sel[w];
      self->sel[w] &= ~self->key.err[w];
    }
  }
  self->view.sel = self->sel;
  self->view.sel_cnt = mr_bitmap_count(self->sel, words);
  memset(&self->cursor, 0, sizeof self->cursor);
  self->row = 0;
  self->partition = -1;
  self->line_at = self->line_end = self->line_sz = 0;
  go_on(ctx);
}

/* Has what waits in the logs written when nothing more came, or it has waited. */
static enum mr_poll topic_poll(struct mr_op_ctx *ctx) {
  struct topic_sink *self = ctx->self;
  if (!self->fresh || ctx->now_ns - self->flush_ns >= FLUSH_NS) {
    mr_topic_flush(self->topic, ctx->now_ns);
    self->flush_ns = ctx->now_ns;
  }
  self->fresh = false;
  if (poll_logs(ctx)) ctx->polls = acked(self) < appended(self);
  return MR_POLL_IDLE;
}

static void topic_drain(struct mr_op_ctx *ctx) {
  go_on(ctx);
}

/* Syncs and retention are due by the clock. */
static void topic_tick(struct mr_op_ctx *ctx, int64_t at_us) {
  (void)at_us;
  ctx->polls = true;
}

static void topic_finish(struct mr_op_ctx *ctx) {
  struct topic_sink *self = ctx->self;
  self->finishing = true;
  go_on(ctx);
}

/* ---- checkpoints ---- */

static const char *topic_shape(const struct mr_op_plan *p) {
  const struct mr_topic_sink_conf *conf = p->conf;
  return mr_arena_printf(p->arena, "topic: %s\n", conf->topic);
}

/* True when all rows are on the disk; else ctx->more is set, or the graph was stopped. */
static bool all_synced(struct mr_op_ctx *ctx) {
  struct topic_sink *self = ctx->self;
  bool all = true;
  mr_topic_flush(self->topic, ctx->now_ns);
  for (uint32_t p = 0; p < self->part_cnt; p++)
    mr_topic_log_sync(mr_topic_log_at(self->topic, p), ctx->now_ns);
  if (!poll_logs(ctx)) return false;
  for (uint32_t p = 0; p < self->part_cnt; p++) {
    const struct mr_topic_log *log = mr_topic_log_at(self->topic, p);
    all &= mr_topic_log_synced(log) >= mr_topic_log_end(log);
  }
  if (!all) ctx->more = true;
  return all;
}

static void topic_snapshot(struct mr_op_ctx *ctx, struct mr_save *to) {
  static const struct mr_save_col cols[] = {{"partition", MR_SAVE_INT}, {"end", MR_SAVE_INT}};
  struct topic_sink *self = ctx->self;
  if (!all_synced(ctx)) return;
  mr_save_rows(to, "ends", cols, 2);
  for (uint32_t p = 0; p < self->part_cnt; p++) {
    self->snapshots[p] = mr_topic_log_end(mr_topic_log_at(self->topic, p));
    mr_save_row(to);
    mr_save_put_int(to, p);
    mr_save_put_int(to, self->snapshots[p]);
  }
  mr_save_rows_end(to);
  self->snapshot = to->checkpoint;
}

static int publish(struct topic_sink *self, const int64_t *ends, struct mr_error *err) {
  int rc = MR_OK;
  for (uint32_t p = 0; p < self->part_cnt && !rc; p++)
    rc = mr_topic_log_publish(mr_topic_log_at(self->topic, p), ends[p], err);
  return rc;
}

static void topic_published(struct mr_op_ctx *ctx, uint64_t checkpoint) {
  struct topic_sink *self = ctx->self;
  struct mr_error err = {0};
  if (!self->held || !self->snapshot || checkpoint < self->snapshot) return;
  self->snapshot = 0;
  if (publish(self, self->snapshots, &err)) mr_op_fail(ctx, MR_ERR_IO, "%s", err.text);
}

/* The logs go back to where the checkpoint has them, and what it holds is there for readers. */
static int topic_restore(struct mr_op_ctx *ctx, struct mr_load *from, struct mr_error *err) {
  const struct mr_topic_sink_conf *conf = ctx->conf;
  struct topic_sink *self = ctx->self;
  struct mr_load_rows *rows = MR_NEW(ctx->arena, struct mr_load_rows, 1);
  int64_t *ends = MR_NEW(ctx->arena, int64_t, self->part_cnt + 1);
  uint32_t cnt = 0;
  if (!self->held) return MR_OK;
  if (!mr_load_rows(from, "ends", rows) || rows->cnt != 2)
    return mr_error_set(err, MR_ERR_IO, "it has no ends");
  while (mr_load_next(rows))
    if (rows->values[0].i == cnt && cnt < self->part_cnt) ends[cnt++] = rows->values[1].i;
  if (cnt != self->part_cnt)
    return mr_error_set(err, MR_ERR_IO, "topic %s has %u partitions and had %u", conf->topic,
                        self->part_cnt, cnt);
  mr_topic_abandon(self->topic);
  self->topic = NULL;
  const char *dir = mr_topic_dir(ctx->arena, ctx->plan->runtime.data_dir, conf->dir);
  int rc = open_logs(ctx, dir, cnt, ends, err);
  return rc ? rc : publish(self, ends, err);
}

/* ---- the end ---- */

static void topic_fini(struct mr_op_ctx *ctx) {
  struct topic_sink *self = ctx->self;
  struct mr_counts *c = &ctx->counts;
  struct mr_error err = {0};
  if (!self->topic) return;
  uint64_t all = appended(self);
  int rc = mr_topic_close(self->topic, ctx->clean ? FULL_WAIT_NS : 0, &err);
  self->topic = NULL;
  if (!rc) c->rows_out = all;
  if (c->rows_in > c->rows_out + c->dead_letters)
    c->dropped = c->rows_in - c->rows_out - c->dead_letters;
  if (rc) mr_op_fail(ctx, MR_ERR_IO, "%s", err.text);
}

const struct mr_op mr_op_topic_sink = {
    .name = "topic",
    .help = "appends rows to a topic as records",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SINK,
    .opts = topic_opts,
    .conf_sz = sizeof(struct mr_topic_sink_conf),
    .self_sz = sizeof(struct topic_sink),
    .plan = topic_plan,
    .need = topic_need,
    .init = topic_init,
    .poll = topic_poll,
    .process = topic_process,
    .drain = topic_drain,
    .tick = topic_tick,
    .finish = topic_finish,
    .shape = topic_shape,
    .snapshot = topic_snapshot,
    .restore = topic_restore,
    .published = topic_published,
    .fini = topic_fini,
};
