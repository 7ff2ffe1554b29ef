/* SPDX-License-Identifier: Apache-2.0 */
/* topic: the records of a topic's partitions, each of which is a partition of the watermark. The
 * values of records are copied into lines and decoded as any other lines are; a row keeps its
 * record's offset as position and its timestamp as ingest_time().
 *
 *   take records --> [copied to lines] --> decoder --> batch
 *        parts, in turn            rec_at .. copied          rows of one partition
 *
 * What was decoded and emitted is the position; records that were taken and no more begin again
 * after a restart. */
#include <stdatomic.h>
#include <string.h>

#include "base/assert.h"
#include "graph/codes.h"
#include "graph/compile.h"
#include "graph/plan.h"
#include "graph/tree.h"
#include "operators/operators.h"
#include "producer/reader.h"
#include "sink/topic_conf.h"
#include "state/save.h"
#include "topic/group.h"
#include "topic/reader.h"

#define TAKE        MR_BATCH_ROWS
#define BLOCK_SZ    (512u << 10) /* bytes of values that are decoded together */
#define LOOK_NS     UINT64_C(100000)
#define LOOK_MAX_NS UINT64_C(5000000)
#define LOOKS       32u /* looks at the end before they become rarer */

/* What one trigger allows: its number, and the rows that are left of it, in one word. */
#define TRIGGER_SHIFT    40u
#define TRIGGER_MASK     UINT64_C(0xffffff)
#define TRIGGER_ROWS_MAX ((UINT64_C(1) << TRIGGER_SHIFT) - 1)

struct start_conf {
  int kind; /* as start_words, then offset, timestamp */
  int64_t offset, timestamp_us;
};

struct topic_conf {
  const char *topic, *dir, *group;
  struct start_conf start;
  int64_t trigger_us, rows_max;
  int on_data_loss, until;
  struct mr_reader_opts lines;
};

/* A partition that an instance reads. */
struct part {
  struct mr_topic_reader *reader;
  uint32_t partition;
  int64_t next;    /* offset behind what was emitted */
  int64_t stop;    /* until: end; else INT64_MAX */
  uint64_t losses; /* that were said */
};

struct shared {
  struct mr_topic_group *group; /* NULL: none */
  const char **labels;          /* by partition: sources of dead letters */
  uint32_t open_cnt;            /* instances that were not closed */
  _Atomic uint64_t trigger;
};

struct topic_source {
  struct mr_reader replays; /* lines that come from outside: the decoder is its own */
  struct mr_decoder *decoder;
  bool single; /* a record is decoded by itself: CSV may have line ends in cells */
  struct part *parts;
  uint32_t part_cnt, turn; /* whose turn it is to be asked */
  struct part *part;       /* whose records these are: */
  struct mr_record *recs;
  uint32_t rec_cnt;
  uint32_t rec_at; /* records before it are rows or dead letters */
  uint32_t copied; /* records from rec_at up to it are in the lines */
  struct mr_lines lines;
  char *block;
  uint32_t block_sz, max_line;
  bool bad;        /* the record at rec_at is no row and has not been taken yet */
  const char *odd; /* why, where the decoder was not asked */
  int odd_code;
  uint32_t looks; /* one after another that found nothing */
  uint64_t look_ns;
  int64_t trigger; /* that is over; 0: none began yet */
};

static const char *const start_words[] = {"earliest", "latest", NULL};
static const char *const loss_words[] = {"fail", "continue", NULL};
static const char *const until_words[] = {"never", "end", NULL};

static const struct mr_opt start_opts[] = {
    {"offset", MR_OPT_INT64, MR_OPT_AT(struct start_conf, offset), .alt = 1, .min = 0, .max = 9e18,
     .help = "this record of every partition"},
    {"timestamp", MR_OPT_TIMESTAMP, MR_OPT_AT(struct start_conf, timestamp_us), .alt = 2,
     .help = "the first record of each partition that is not older"},
    MR_OPT_END};

#define AT(member) MR_OPT_AT(struct topic_conf, member)
static const struct mr_opt topic_opts[] = {
    {"topic", MR_OPT_STRING, AT(topic), .required = true, .help = "topic to read",
     .example = "city-events"},
    {"dir", MR_OPT_STRING, AT(dir), .example = "/var/lib/kafka/data",
     .help = "folder of topics, or a broker's log folder, in place of DATA_DIR/topics"},
    {"group", MR_OPT_STRING, AT(group), .example = "citystream",
     .help = "consumer group: goes on where the last run of it ended"},
    {"start", MR_OPT_UNION, AT(start), .sub = start_opts, .words = start_words,
     .kind = MR_OPT_REF(struct topic_conf, start.kind), .def = "earliest",
     .help = "where to begin; a group that has offsets goes on at these"},
    {"trigger", MR_OPT_DURATION_US, AT(trigger_us), .min = 1, .max = 1e15,
     .help = "reads at multiples of this time only; without it at once"},
    {"max_rows_per_trigger", MR_OPT_INT64, AT(rows_max), .min = 1, .max = 1e12, .unit = "rows",
     .help = "most rows that one trigger reads, of all partitions together"},
    {"on_data_loss", MR_OPT_ENUM, AT(on_data_loss), .words = loss_words, .def = "fail",
     .help = "what happens when records are gone before they were read, or damaged"},
    {"until", MR_OPT_ENUM, AT(until), .words = until_words, .def = "never",
     .help = "end: reads what is there at the start, and ends"},
    {"format", MR_OPT_ENUM, AT(lines.format), .words = mr_reader_formats,
     .help = "how a value is written; json unless the event says it"},
    {"csv", MR_OPT_TABLE, AT(lines.csv), .sub = mr_csv_opts,
     .help = "how CSV is written; records have no header"},
    {"max_line", MR_OPT_SIZE, AT(lines.max_line), .def = "1MiB", .min = 1, .max = 1 << 30,
     .help = "longest value; a longer one is a dead letter"},
    MR_OPT_END};

/* ---- plan ---- */

/* The largest value fits, with a line end. */
static uint32_t block_sz(uint32_t max_line) {
  return BLOCK_SZ > max_line ? BLOCK_SZ : max_line + 1;
}

/* The partitions of the topic, or those that the sink gives it which makes it. */
static int plan_partitions(struct mr_op_plan *p, const struct topic_conf *conf) {
  const char *dir = mr_topic_dir(p->arena, p->plan->runtime.data_dir, conf->dir);
  const struct mr_topic_sink_conf *maker = mr_topic_maker(p->plan, dir, conf->topic);
  struct mr_error err = {0};
  int rc = mr_topic_look(dir, conf->topic, &p->partition_cnt, &err);
  if (rc && maker) p->partition_cnt = (uint32_t)maker->partitions;
  if (!rc || maker || p->plan->no_inputs) return MR_OK;
  return mr_op_error(p, mr_tree_get(p->tree, "topic"), MR_CODE_NO_INPUT, "%s", err.text);
}

static int topic_plan(struct mr_op_plan *p) {
  const struct topic_conf *conf = p->conf;
  struct mr_reader_opts lines = conf->lines;
  struct mr_tree *header = mr_tree_get(mr_tree_get(p->tree, "csv"), "header");
  p->partition_cnt = 1;
  int rc = mr_topic_check_name(p, conf->topic);
  if (!rc) rc = plan_partitions(p, conf);
  if (header && lines.csv.header)
    rc = mr_op_error(p, header, MR_CODE_KEYS_CLASH, "records have no header");
  lines.csv.header = false;
  int lines_rc = mr_reader_plan(p, &lines);
  p->state_max =
      mr_reader_block_bytes((uint32_t)lines.max_line, block_sz((uint32_t)lines.max_line));
  return rc ? rc : lines_rc;
}

/* ---- init ---- */

static int open_part(struct mr_op_ctx *ctx, struct part *part, const char *dir, uint32_t partition,
                     struct mr_error *err) {
  static const enum mr_topic_start starts[] = {MR_TOPIC_EARLIEST, MR_TOPIC_LATEST, MR_TOPIC_OFFSET,
                                               MR_TOPIC_TIMESTAMP};
  const struct topic_conf *conf = ctx->conf;
  const struct shared *shared = ctx->shared;
  int64_t ms = conf->start.timestamp_us / 1000 + (conf->start.timestamp_us % 1000 > 0);
  struct mr_topic_reader_conf reader = {.dir = dir,
                                        .topic = conf->topic,
                                        .partition = partition,
                                        .start = starts[conf->start.kind],
                                        .at = conf->start.kind == 2 ? conf->start.offset : ms,
                                        .on_data_loss_continue = conf->on_data_loss == 1};
  int64_t offset = shared->group ? mr_topic_group_offset(shared->group, partition) : -1;
  if (offset >= 0) {
    reader.start = MR_TOPIC_OFFSET;
    reader.at = offset;
  }
  part->partition = partition;
  int rc = mr_topic_reader_open(&part->reader, ctx->io, &reader, err);
  if (rc) return err->code = rc == MR_ERR_DATA ? MR_ERR_IO : rc;
  int64_t end = mr_topic_reader_end(part->reader);
  part->next = mr_topic_reader_position(part->reader);
  part->stop = conf->until ? end : INT64_MAX;
  mr_source_position(ctx, partition, (uint64_t)part->next, (uint64_t)end);
  return MR_OK;
}

/* What the instances share; the first one makes it. */
static int init_shared(struct mr_op_ctx *ctx, const char *dir, struct mr_error *err) {
  const struct topic_conf *conf = ctx->conf;
  struct shared *shared = ctx->shared;
  struct mr_topic_conf made;
  uint32_t cnt = ctx->node->partition_cnt;
  int rc = mr_topic_ready(ctx->io, dir, conf->topic, mr_topic_maker(ctx->plan, dir, conf->topic),
                          &made, err);
  if (!rc && made.partitions != cnt)
    rc = mr_error_set(err, MR_ERR_STATE, "topic %s has %u partitions, and %u when it was planned",
                      conf->topic, made.partitions, cnt);
  if (!rc && conf->group)
    rc = mr_topic_group_open(&shared->group, ctx->io, dir, conf->group, conf->topic, err);
  shared->labels = MR_NEW(ctx->arena, const char *, cnt);
  for (uint32_t p = 0; p < cnt; p++)
    shared->labels[p] = mr_arena_printf(ctx->arena, "%s-%u", conf->topic, p);
  return rc;
}

static int init_lines(struct mr_op_ctx *ctx, struct topic_source *self, struct mr_error *err) {
  const struct mr_reader_plan *plan = ctx->data;
  self->single = plan->kind == MR_DECODE_CSV;
  self->max_line = plan->max_line;
  self->decoder = self->replays.decoder = mr_reader_decoder(ctx, err);
  if (!self->decoder) return err->code;
  self->block_sz = block_sz(plan->max_line);
  uint64_t sz = mr_reader_block_bytes(plan->max_line, self->block_sz);
  uint64_t off = mr_region_reserve(ctx->region_rw, sz, "input buffers");
  if (!off) return mr_error_set(err, MR_ERR_NOMEM, "no room for input buffers");
  self->block = (char *)mr_region_ptr(ctx->region_rw, off) + MR_LINES_HEAD(plan->max_line);
  mr_lines_init(&self->lines, plan->max_line);
  self->recs = MR_NEW(ctx->arena, struct mr_record, TAKE);
  return MR_OK;
}

static int topic_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  const struct topic_conf *conf = ctx->conf;
  struct topic_source *self = ctx->self;
  struct shared *shared = ctx->shared;
  uint32_t cnt = ctx->node->partition_cnt, step = ctx->node->instance_cnt;
  const char *dir = mr_topic_dir(ctx->arena, ctx->plan->runtime.data_dir, conf->dir);
  shared->open_cnt++;
  int rc = ctx->instance ? MR_OK : init_shared(ctx, dir, err);
  if (!rc) rc = init_lines(ctx, self, err);
  ctx->source_labels = shared->labels;
  self->parts = MR_NEW(ctx->arena, struct part, cnt / step + 1);
  for (uint32_t p = ctx->instance; p < cnt && !rc; p += step) {
    rc = open_part(ctx, &self->parts[self->part_cnt], dir, p, err);
    self->part_cnt += !rc;
  }
  return rc;
}

/* ---- triggers ---- */

/* Asks for rows of this trigger, at most `want`; 0: there are none left. */
static uint32_t claim_rows(struct shared *shared, int64_t trigger, uint64_t max, uint32_t want) {
  uint64_t number = (uint64_t)trigger & TRIGGER_MASK;
  /* relaxed: only the numbers matter */
  uint64_t was = atomic_load_explicit(&shared->trigger, memory_order_relaxed), left, got;
  do {
    uint64_t age = ((was >> TRIGGER_SHIFT) - number) & TRIGGER_MASK;
    if (age && age <= TRIGGER_MASK / 2) return 0; /* another instance is at a later one */
    left = age ? max : was & TRIGGER_ROWS_MAX;
    got = left < want ? left : want;
  } while (!atomic_compare_exchange_weak_explicit(
      &shared->trigger, &was, number << TRIGGER_SHIFT | (left - got), memory_order_relaxed,
      memory_order_relaxed)); /* as above */
  return (uint32_t)got;
}

static bool has_triggers(const struct mr_op_ctx *ctx) {
  const struct topic_conf *conf = ctx->conf;
  return conf->trigger_us && !ctx->virtual_clock;
}

static int64_t trigger_now(const struct mr_op_ctx *ctx) {
  const struct topic_conf *conf = ctx->conf;
  return ctx->now_us / conf->trigger_us;
}

/* Records that may be taken now; 0: the next trigger has to be waited for. */
static uint32_t allowed(struct mr_op_ctx *ctx) {
  const struct topic_conf *conf = ctx->conf;
  struct topic_source *self = ctx->self;
  if (!has_triggers(ctx))
    return conf->rows_max && conf->rows_max < TAKE ? (uint32_t)conf->rows_max : TAKE;
  int64_t now = trigger_now(ctx);
  if (!self->trigger) self->trigger = now; /* not in the middle of one */
  if (now <= self->trigger) return 0;
  if (!conf->rows_max) return TAKE;
  return claim_rows(ctx->shared, now, (uint64_t)conf->rows_max, TAKE);
}

/* Rows that were claimed and not there. */
static void give_back(struct mr_op_ctx *ctx, uint32_t rows) {
  const struct topic_conf *conf = ctx->conf;
  struct shared *shared = ctx->shared;
  if (!has_triggers(ctx) || !conf->rows_max || !rows) return;
  uint64_t number = (uint64_t)trigger_now(ctx) & TRIGGER_MASK;
  /* relaxed: only the numbers matter */
  uint64_t was = atomic_load_explicit(&shared->trigger, memory_order_relaxed);
  while (was >> TRIGGER_SHIFT == number &&
         !atomic_compare_exchange_weak_explicit(&shared->trigger, &was, was + rows,
                                                memory_order_relaxed,
                                                memory_order_relaxed)) /* as above */
    ;
}

/* Nothing more comes in this trigger. */
static enum mr_poll wait_for_trigger(struct mr_op_ctx *ctx) {
  const struct topic_conf *conf = ctx->conf;
  struct topic_source *self = ctx->self;
  self->trigger = trigger_now(ctx);
  int64_t left = (self->trigger + 1) * conf->trigger_us - ctx->now_us;
  ctx->wake_ns = ctx->now_ns + (uint64_t)left * 1000;
  return MR_POLL_IDLE;
}

/* ---- records ---- */

static enum mr_poll fail(struct mr_op_ctx *ctx, const struct mr_error *err) {
  int code = err->code == MR_ERR_DATA ? MR_ERR_IO : err->code;
  mr_op_fail(ctx, code, "%s", err->text);
  return MR_POLL_IDLE;
}

/* Says what was lost, once per loss. */
static void tell_losses(struct mr_op_ctx *ctx, struct part *part) {
  const struct shared *shared = ctx->shared;
  struct mr_topic_loss loss;
  mr_topic_reader_loss(part->reader, &loss);
  if (loss.times == part->losses) return;
  part->losses = loss.times;
  mr_log_write(ctx->log, MR_LOG_WARN, "MR5014", ctx->node->name,
               "%s: records %lld to %lld could not be read any more: %llu lost so far",
               shared->labels[part->partition], (long long)loss.first, (long long)loss.last,
               (unsigned long long)loss.records);
}

/* Where a partition goes on: what is behind its stop was not taken. */
static int64_t next_of(const struct part *part) {
  int64_t at = mr_topic_reader_position(part->reader);
  return at < part->stop ? at : part->stop;
}

static bool is_over(const struct part *part) {
  return part->next >= part->stop;
}

/* Takes records of a partition. Returns how many, or an error. */
static int take(struct mr_op_ctx *ctx, struct part *part, uint32_t want, struct mr_error *err) {
  struct topic_source *self = ctx->self;
  int n = mr_topic_reader_take(part->reader, self->recs, want, err);
  if (n < 0) return n;
  give_back(ctx, want - (uint32_t)n);
  while (n > 0 && self->recs[n - 1].offset >= part->stop) n--;
  if (!n) part->next = next_of(part);
  mr_source_position(ctx, part->partition, (uint64_t)part->next,
                     (uint64_t)mr_topic_reader_end(part->reader));
  tell_losses(ctx, part);
  self->part = part;
  self->rec_cnt = (uint32_t)n;
  self->rec_at = self->copied = 0;
  return n;
}

/* All partitions were asked, and none had records. */
static enum mr_poll wait_for_records(struct mr_op_ctx *ctx) {
  struct topic_source *self = ctx->self;
  bool over = true;
  for (uint32_t i = 0; i < self->part_cnt; i++) {
    const struct part *part = &self->parts[i];
    if (is_over(part)) continue;
    over = false;
    if (!mr_topic_reader_at_end(part->reader)) return MR_POLL_IDLE; /* a read is on its way */
  }
  if (over) return MR_POLL_END;
  if (has_triggers(ctx)) return wait_for_trigger(ctx);
  uint64_t wait = self->looks < LOOKS ? LOOK_NS : LOOK_NS << (self->looks - LOOKS);
  self->looks += wait < LOOK_MAX_NS;
  self->look_ns = ctx->wake_ns = ctx->now_ns + (wait < LOOK_MAX_NS ? wait : LOOK_MAX_NS);
  return MR_POLL_IDLE;
}

/* Takes the next records of the partitions in turn. ROWS: there are some. */
static enum mr_poll next_records(struct mr_op_ctx *ctx) {
  struct topic_source *self = ctx->self;
  if (self->looks && ctx->now_ns < self->look_ns) {
    ctx->wake_ns = self->look_ns;
    return MR_POLL_IDLE;
  }
  for (uint32_t i = 0; i < self->part_cnt; i++) {
    struct part *part = &self->parts[self->turn];
    struct mr_error err = {0};
    self->turn = (self->turn + 1) % self->part_cnt;
    if (is_over(part)) continue;
    uint32_t want = allowed(ctx);
    if (!want) return wait_for_trigger(ctx);
    int n = take(ctx, part, want, &err);
    if (n < 0) return fail(ctx, &err);
    if (!n) continue;
    self->looks = 0;
    return MR_POLL_ROWS;
  }
  return wait_for_records(ctx);
}

/* ---- values into lines ---- */

static bool is_blank(const struct mr_record *rec) {
  for (uint32_t i = 0; i < rec->value_sz; i++) {
    char c = rec->value[i];
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') return false;
  }
  return true;
}

/* Records that the decoder is not asked about: lines of blanks would be no rows and no errors. */
static bool is_odd(struct topic_source *self, const struct mr_record *rec) {
  self->odd = NULL;
  if (!rec->value) {
    self->odd = "the record has no value";
    self->odd_code = 3003;
  } else if (is_blank(rec)) {
    self->odd = "the value is empty";
    self->odd_code = 3003;
  } else if (rec->value_sz > self->max_line) {
    self->odd = "longer than max_line";
    self->odd_code = 3001;
  }
  return self->odd != NULL;
}

/* A line end in JSON is a blank, or an error inside a string: so is \r. */
static void put_json(char *to, const struct mr_record *rec) {
  memcpy(to, rec->value, rec->value_sz);
  for (char *p = to, *end = to + rec->value_sz; (p = memchr(p, '\n', (size_t)(end - p)));)
    *p++ = '\r';
}

/* Copies values while they fit and the decoder may see them; at least one. */
static void copy_values(struct mr_op_ctx *ctx) {
  struct topic_source *self = ctx->self;
  char *to = self->block, *end = self->block + self->block_sz;
  mr_lines_start(&self->lines, 1, 1); /* not at byte 0: no byte order mark, no new input */
  mr_lines_move(&self->lines, self->block);
  for (; self->copied < self->rec_cnt; self->copied++) {
    const struct mr_record *rec = &self->recs[self->copied];
    bool first = self->copied == self->rec_at;
    if (!first && (self->single || rec->value_sz + 1 > (size_t)(end - to) || is_odd(self, rec)))
      break;
    if (self->single)
      memcpy(to, rec->value, rec->value_sz);
    else
      put_json(to, rec);
    to += rec->value_sz;
    *to++ = '\n';
    ctx->counts.bytes_in += rec->value_sz;
  }
  mr_lines_fill(&self->lines, (size_t)(to - self->block));
  if (self->single) mr_lines_end(&self->lines); /* a quote that is left open ends here */
}

/* ---- rows ---- */

/* "MR3001" -> 3001 */
static int code_number(const char *code) {
  int n = 0;
  for (const char *p = code + 2; *p; p++) n = n * 10 + (*p - '0');
  return n;
}

/* Hands the record over that is no row; false: later. */
static bool offer_bad(struct mr_op_ctx *ctx) {
  struct topic_source *self = ctx->self;
  const struct shared *shared = ctx->shared;
  const struct mr_record *rec = &self->recs[self->rec_at];
  const struct mr_decode_bad *bad = self->odd ? NULL : mr_decoder_bad(self->decoder);
  uint32_t len = rec->value_sz;
  if (len > self->max_line && len > MR_LINE_HEAD_MAX) len = MR_LINE_HEAD_MAX;
  self->bad =
      !mr_source_reject(ctx, bad ? code_number(bad->code) : self->odd_code,
                        bad ? bad->cause : self->odd, shared->labels[self->part->partition],
                        (uint64_t)rec->offset, 0, rec->value ? rec->value : "", len, rec->value_sz);
  if (self->bad) return false;
  if (self->odd || !self->single) self->rec_at++;
  if (self->odd) self->copied = self->rec_at;
  return true;
}

/* Rows from..to of the batch are the records at rec_at and behind it. */
static void note_rows(struct mr_op_ctx *ctx, struct mr_batch *b, uint32_t from, uint32_t to) {
  struct topic_source *self = ctx->self;
  const struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  uint64_t *pos = (uint64_t *)(void *)((uint8_t *)b + pool->pos_off);
  uint64_t *line = (uint64_t *)(void *)((uint8_t *)b + pool->line_off);
  int64_t *now = (int64_t *)(void *)((uint8_t *)b + pool->now_off);
  for (uint32_t r = from; r < to; r++) {
    const struct mr_record *rec = &self->recs[self->rec_at];
    if (!r) mr_keep_u64(&b->pos, (uint64_t)rec->offset);
    if (pool->pos_off) {
      pos[r] = (uint64_t)rec->offset;
      line[r] = 0;
    }
    if (pool->now_off && !ctx->virtual_clock) now[r] = rec->timestamp_ms * 1000;
    if (!self->single) self->rec_at++;
  }
  if (pool->now_off && !ctx->virtual_clock) b->row_now_off = mr_region_off(pool->region, now);
}

/* Rows of the records into the batch until something stops it. */
static uint32_t fill_batch(struct mr_op_ctx *ctx, struct mr_batch *b) {
  struct topic_source *self = ctx->self;
  uint32_t rows = 0;
  while (self->rec_at < self->rec_cnt && rows < ctx->row_max) {
    enum mr_decode_stop stop;
    if (self->rec_at == self->copied) {
      self->bad = is_odd(self, &self->recs[self->rec_at]);
      if (self->bad && !offer_bad(ctx)) break;
      if (self->odd) continue;
      copy_values(ctx);
      self->odd = NULL;
    }
    uint32_t before = rows;
    rows = mr_decoder_run(self->decoder, &self->lines, ctx->pools[MR_OUT_MAIN], b, rows,
                          ctx->row_max, &stop);
    note_rows(ctx, b, before, rows);
    if (stop == MR_DECODE_BAD) {
      self->bad = true;
      if (!offer_bad(ctx)) break;
    } else if (stop == MR_DECODE_MORE) {
      if (self->single) self->rec_at++;
      MR_ASSERT(self->rec_at == self->copied);
    } else {
      bool whole = stop == MR_DECODE_ROWS && self->lines.p == self->lines.end;
      if (self->single && whole) self->copied = ++self->rec_at; /* its last row filled the batch */
      break;
    }
  }
  return rows;
}

static enum mr_poll topic_poll(struct mr_op_ctx *ctx) {
  struct topic_source *self = ctx->self;
  if (ctx->stop) return MR_POLL_END;
  if (!self->part_cnt) return MR_POLL_END;
  if (self->bad && !offer_bad(ctx)) return MR_POLL_ROWS;
  if (self->rec_at == self->rec_cnt) {
    enum mr_poll result = next_records(ctx);
    if (result != MR_POLL_ROWS) return result;
  }
  struct mr_batch *b = mr_emit_open(ctx, MR_OUT_MAIN);
  struct part *part = self->part;
  b->msg.row_cnt = 0;
  uint32_t rows = fill_batch(ctx, b);
  part->next = self->rec_at < self->rec_cnt ? self->recs[self->rec_at].offset : next_of(part);
  mr_source_position(ctx, part->partition, (uint64_t)part->next,
                     (uint64_t)mr_topic_reader_end(part->reader));
  if (!rows) {
    mr_emit_cancel(ctx, MR_OUT_MAIN, b);
    return MR_POLL_ROWS;
  }
  mr_keep_u64(&b->line, 0);
  mr_keep_u32(&b->input, part->partition);
  mr_source_partition(ctx, part->partition);
  mr_source_emit(ctx, b, MR_ET_BOUNDS, NULL);
  return MR_POLL_ROWS;
}

static bool topic_replay(struct mr_op_ctx *ctx, struct mr_replay_lines *lines) {
  struct topic_source *self = ctx->self;
  if (self->bad && !offer_bad(ctx)) return false; /* its own record first */
  return mr_reader_replay(&self->replays, ctx, lines);
}

/* ---- checkpoints ---- */

static const char *topic_shape(const struct mr_op_plan *p) {
  const struct topic_conf *conf = p->conf;
  return mr_arena_printf(p->arena, "topic: %s\n", conf->topic);
}

/* What was emitted is before the barrier; records that were taken and no more are read again. */
static void topic_snapshot(struct mr_op_ctx *ctx, struct mr_save *to) {
  static const struct mr_save_col cols[] = {{"partition", MR_SAVE_INT}, {"next", MR_SAVE_INT}};
  const struct topic_source *self = ctx->self;
  mr_save_rows(to, "positions", cols, 2);
  for (uint32_t i = 0; i < self->part_cnt; i++) {
    mr_save_row(to);
    mr_save_put_int(to, self->parts[i].partition);
    mr_save_put_int(to, self->parts[i].next);
  }
  mr_save_rows_end(to);
}

static int topic_restore(struct mr_op_ctx *ctx, struct mr_load *from, struct mr_error *err) {
  struct topic_source *self = ctx->self;
  struct mr_load_rows *rows = MR_NEW(ctx->arena, struct mr_load_rows, 1);
  if (!mr_load_rows(from, "positions", rows) || rows->cnt != 2)
    return mr_error_set(err, MR_ERR_IO, "it has no positions");
  while (mr_load_next(rows)) {
    for (uint32_t i = 0; i < self->part_cnt; i++) {
      struct part *part = &self->parts[i];
      if (part->partition != rows->values[0].i) continue;
      int rc = mr_topic_reader_seek(part->reader, rows->values[1].i, err);
      if (rc) return err->code = rc == MR_ERR_DATA ? MR_ERR_IO : rc;
      part->next = mr_topic_reader_position(part->reader);
      mr_source_position(ctx, part->partition, (uint64_t)part->next,
                         (uint64_t)mr_topic_reader_end(part->reader));
    }
  }
  return MR_OK;
}

/* ---- the end ---- */

/* What was emitted is through where the run has ended well; otherwise the group stays where it was.
 */
static void commit(struct mr_op_ctx *ctx) {
  struct shared *shared = ctx->shared;
  struct mr_error err = {0};
  if (ctx->clean && mr_topic_group_commit(shared->group, &err))
    mr_log_write(ctx->log, MR_LOG_ERROR, "MR5013", ctx->node->name,
                 "the group's offsets were not written: %s", err.text);
  mr_topic_group_close(shared->group);
  shared->group = NULL;
}

static void topic_fini(struct mr_op_ctx *ctx) {
  struct topic_source *self = ctx->self;
  struct shared *shared = ctx->shared;
  for (uint32_t i = 0; i < self->part_cnt; i++) {
    struct part *part = &self->parts[i];
    if (shared->group) mr_topic_group_set(shared->group, part->partition, part->next);
    mr_topic_reader_close(part->reader);
  }
  self->part_cnt = 0;
  mr_decoder_destroy(self->decoder);
  self->decoder = NULL;
  if (--shared->open_cnt == 0 && shared->group) commit(ctx);
}

const struct mr_op mr_op_topic_source = {
    .name = "topic",
    .help = "reads the records of a topic",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SOURCE,
    .flags = MR_OP_PARTS | MR_OP_STAMPED,
    .opts = topic_opts,
    .conf_sz = sizeof(struct topic_conf),
    .self_sz = sizeof(struct topic_source),
    .shared_sz = sizeof(struct shared),
    .plan = topic_plan,
    .init = topic_init,
    .poll = topic_poll,
    .shape = topic_shape,
    .snapshot = topic_snapshot,
    .restore = topic_restore,
    .fini = topic_fini,
    .replay = topic_replay,
};
