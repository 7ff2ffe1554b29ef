/* SPDX-License-Identifier: Apache-2.0 */
/* topic consume: values of records on stdout. A group's offsets are committed behind what was
 * printed and flushed, so what a kill leaves out comes again. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cmd.h"
#include "topic.h"
#include "topic/group.h"
#include "where.h"

#define TAKE        512u
#define COMMIT_NS   UINT64_C(500000000)
#define WAIT_US     100 /* between looks at the end; less often when nothing comes */
#define WAIT_MAX_US 10000
#define LOOKS       50u
#define FIELDS_MAX  16u
#define HEADERS_MAX 256u

enum field { KEY, OFFSET, TIMESTAMP, PARTITION, HEADERS, VALUE, FIELD_CNT };
static const char *const field_words[] = {"key",     "offset", "timestamp", "partition",
                                          "headers", "value",  NULL};

struct lane { /* a partition */
  struct mr_topic_reader *reader;
  uint32_t partition;
  int64_t stop;    /* with --until-end; else INT64_MAX */
  int64_t next;    /* behind what was printed */
  uint64_t losses; /* that were said */
  bool over;
};

struct consume {
  struct mr_topic_cmd *cmd;
  struct lane *lanes;
  uint32_t lane_cnt;
  enum field fields[FIELDS_MAX];
  uint32_t field_cnt;
  struct mr_where *where;
  struct mr_topic_group *group;
  bool uncommitted; /* something was printed since the last commit */
  uint64_t commit_ns, seen_ns;
  int64_t printed;
  uint64_t bad; /* values on which --where cannot be decided */
  bool gone;    /* nobody reads stdout any more */
  int rc;
};

/* ---- printing ---- */

static void put_bytes(const char *p, uint32_t len) {
  if (p)
    fwrite(p, 1, len, stdout);
  else
    fputs("null", stdout);
}

/* name:value,name:value, as produce takes them. */
static void put_headers(const struct mr_record *rec) {
  struct mr_record_header h[HEADERS_MAX];
  uint32_t cnt = mr_record_headers(rec, h, HEADERS_MAX);
  if (!cnt) fputs("NO_HEADERS", stdout);
  for (uint32_t i = 0; i < cnt; i++) {
    if (i) putchar(',');
    put_bytes(h[i].key, h[i].key_sz);
    putchar(':');
    put_bytes(h[i].value, h[i].value_sz);
  }
}

static void put_text(const struct consume *c, const struct lane *lane,
                     const struct mr_record *rec) {
  for (uint32_t i = 0; i < c->field_cnt; i++) {
    if (i) putchar('\t');
    switch (c->fields[i]) {
    case KEY: put_bytes(rec->key, rec->key_sz); break;
    case OFFSET: printf("%" PRId64, rec->offset); break;
    case TIMESTAMP: printf("%" PRId64, rec->timestamp_ms); break;
    case PARTITION: printf("%u", lane->partition); break;
    case HEADERS: put_headers(rec); break;
    default: put_bytes(rec->value, rec->value_sz); break;
    }
  }
  putchar('\n');
}

static void put_escaped(const char *p, uint32_t len) {
  putchar('"');
  for (uint32_t i = 0; i < len; i++) {
    unsigned char ch = (unsigned char)p[i];
    if (ch == '"' || ch == '\\')
      printf("\\%c", ch);
    else if (ch < 0x20)
      printf("\\u%04x", ch);
    else
      putchar(ch);
  }
  putchar('"');
}

static void put_base64(const char *p, uint32_t len) {
  static const char signs[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  putchar('"');
  for (uint32_t i = 0; i < len; i += 3) {
    uint32_t left = len - i, v = (uint32_t)(unsigned char)p[i] << 16;
    if (left > 1) v |= (uint32_t)(unsigned char)p[i + 1] << 8;
    if (left > 2) v |= (unsigned char)p[i + 2];
    putchar(signs[v >> 18]);
    putchar(signs[v >> 12 & 63]);
    putchar(left > 1 ? signs[v >> 6 & 63] : '=');
    putchar(left > 2 ? signs[v & 63] : '=');
  }
  putchar('"');
}

/* "name": text, or null; bytes that are no text are "name_base64". */
static void put_member(const char *name, const char *p, uint32_t len) {
  bool text = p && mr_utf8_valid(p, len);
  printf("\"%s%s\":", name, p && !text ? "_base64" : "");
  if (!p)
    fputs("null", stdout);
  else if (text)
    put_escaped(p, len);
  else
    put_base64(p, len);
}

static void put_json(const struct consume *c, const struct lane *lane,
                     const struct mr_record *rec) {
  struct mr_record_header h[HEADERS_MAX];
  uint32_t cnt = mr_record_headers(rec, h, HEADERS_MAX);
  printf("{\"topic\":\"%s\",\"partition\":%u,\"offset\":%" PRId64 ",\"timestamp\":%" PRId64 ",",
         c->cmd->name, lane->partition, rec->offset, rec->timestamp_ms);
  put_member("key", rec->key, rec->key_sz);
  putchar(',');
  put_member("value", rec->value, rec->value_sz);
  fputs(",\"headers\":[", stdout);
  for (uint32_t i = 0; i < cnt; i++) {
    fputs(i ? ",{" : "{", stdout);
    put_member("name", h[i].key, h[i].key_sz);
    putchar(',');
    put_member("value", h[i].value, h[i].value_sz);
    putchar('}');
  }
  fputs("]}\n", stdout);
}

/* ---- the group ---- */

static void fail(struct consume *c, const struct mr_error *err) {
  int rc = mr_topic_failed(c->cmd, err, false);
  if (!c->rc) c->rc = rc;
}

/* Hands over what was printed; then the offsets may be committed. */
static void flush(struct consume *c, bool commit) {
  struct mr_error err = {0};
  if (fflush(stdout) || ferror(stdout)) {
    if (errno != EPIPE && !c->rc) {
      fprintf(stderr, "millrace topic consume: cannot write stdout: %s\n", strerror(errno));
      c->rc = MR_EXIT_IO;
    }
    c->gone = true;
  }
  if (!c->group || !commit || !c->uncommitted || c->gone) return;
  for (uint32_t i = 0; i < c->lane_cnt; i++)
    mr_topic_group_set(c->group, c->lanes[i].partition, c->lanes[i].next);
  if (mr_topic_group_commit(c->group, &err)) fail(c, &err);
  c->uncommitted = false;
  c->commit_ns = mr_topic_mono_ns();
}

/* ---- records ---- */

static void tell_losses(const struct consume *c, struct lane *lane) {
  struct mr_topic_loss loss;
  mr_topic_reader_loss(lane->reader, &loss);
  if (loss.times == lane->losses) return;
  lane->losses = loss.times;
  fprintf(stderr,
          "millrace topic consume: %s-%u: records %" PRId64 " to %" PRId64
          " could not be read any more\n",
          c->cmd->name, lane->partition, loss.first, loss.last);
}

static bool enough(const struct consume *c) {
  return c->cmd->messages_max >= 0 && c->printed >= c->cmd->messages_max;
}

static void print_record(struct consume *c, struct lane *lane, const struct mr_record *rec) {
  int pass = c->where ? mr_where_test(c->where, rec->value ? rec->value : "", rec->value_sz) : 1;
  lane->next = rec->offset + 1;
  c->uncommitted = true;
  c->bad += pass < 0;
  if (pass <= 0) return;
  if (c->cmd->json)
    put_json(c, lane, rec);
  else
    put_text(c, lane, rec);
  c->printed++;
}

/* Prints what is there of a partition. Returns how many records were taken. */
static uint32_t take(struct consume *c, struct lane *lane) {
  struct mr_record recs[TAKE];
  struct mr_error err = {0};
  if (lane->over || enough(c)) return 0;
  uint32_t max = TAKE;
  int64_t left = c->cmd->messages_max - c->printed;
  if (c->cmd->messages_max >= 0 && left < TAKE) max = (uint32_t)left;
  int n = mr_topic_reader_take(lane->reader, recs, max, &err);
  if (n < 0) {
    fail(c, &err);
    lane->over = true;
    return 0;
  }
  for (int i = 0; i < n && recs[i].offset < lane->stop; i++) print_record(c, lane, &recs[i]);
  tell_losses(c, lane);
  int64_t at = mr_topic_reader_position(lane->reader);
  if (at >= lane->stop) lane->over = true;
  if (!n && at > lane->next && mr_topic_reader_at_end(lane->reader)) lane->next = at;
  return (uint32_t)n;
}

/* One look at all partitions. False: nothing came. */
static bool pass_once(struct consume *c) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < c->lane_cnt && !c->gone; i++) n += take(c, &c->lanes[i]);
  if (n) c->seen_ns = mr_topic_mono_ns();
  if (n) flush(c, mr_topic_mono_ns() - c->commit_ns >= COMMIT_NS);
  return n > 0;
}

static bool goes_on(const struct consume *c) {
  bool any = false;
  if (mr_topic_stopped || c->gone || enough(c)) return false;
  if (c->rc && !c->cmd->until_end) return false;
  for (uint32_t i = 0; i < c->lane_cnt; i++) any |= !c->lanes[i].over;
  uint64_t quiet = mr_topic_mono_ns() - c->seen_ns;
  return any && (!c->cmd->timeout_ns || quiet < (uint64_t)c->cmd->timeout_ns);
}

static void consume_all(struct consume *c) {
  uint32_t looks = 0;
  c->seen_ns = c->commit_ns = mr_topic_mono_ns();
  while (goes_on(c)) {
    bool came = pass_once(c);
    bool reads = false; /* a read is on its way */
    for (uint32_t i = 0; i < c->lane_cnt; i++)
      reads |= !c->lanes[i].over && !mr_topic_reader_at_end(c->lanes[i].reader);
    if (came) {
      looks = 0;
      continue;
    }
    flush(c, mr_topic_mono_ns() - c->commit_ns >= COMMIT_NS);
    int64_t wait_us = looks < LOOKS ? WAIT_US : WAIT_US << (looks - LOOKS);
    looks += wait_us < WAIT_MAX_US;
    if (reads || wait_us > WAIT_MAX_US) wait_us = WAIT_MAX_US;
    mr_topic_wait(c->cmd, -1, wait_us);
  }
  flush(c, true);
}

/* ---- the verb ---- */

static bool read_fields(struct consume *c, const char *list) {
  bool value = false;
  while (list && *list) {
    size_t len = strcspn(list, ",");
    uint32_t f = 0;
    while (field_words[f] && (strlen(field_words[f]) != len || strncmp(field_words[f], list, len)))
      f++;
    if (!field_words[f] || c->field_cnt + 1 == FIELDS_MAX) {
      mr_cmd_usage("topic",
                   "--print has key, offset, timestamp, partition and headers, not \"%.*s\"",
                   (int)len, list);
      return false;
    }
    value |= f == VALUE;
    c->fields[c->field_cnt++] = (enum field)f;
    list += len + (list[len] == ',');
  }
  if (!value) c->fields[c->field_cnt++] = VALUE;
  return true;
}

static int open_lane(struct consume *c, uint32_t partition, struct mr_error *err) {
  const struct mr_topic_cmd *cmd = c->cmd;
  struct lane *lane = &c->lanes[c->lane_cnt];
  struct mr_topic_reader_conf conf = {.dir = cmd->dir,
                                      .topic = cmd->name,
                                      .partition = partition,
                                      .start = cmd->start,
                                      .at = cmd->start_at,
                                      .on_data_loss_continue = cmd->loss_continue};
  int64_t offset = c->group ? mr_topic_group_offset(c->group, partition) : -1;
  if (offset >= 0) {
    conf.start = MR_TOPIC_OFFSET;
    conf.at = offset;
  }
  int rc = mr_topic_reader_open(&lane->reader, cmd->io, &conf, err);
  if (rc) return rc;
  lane->partition = partition;
  lane->next = mr_topic_reader_position(lane->reader);
  lane->stop = cmd->until_end ? mr_topic_reader_end(lane->reader) : INT64_MAX;
  lane->over = lane->next >= lane->stop;
  c->lane_cnt++;
  return MR_OK;
}

static int open_all(struct consume *c) {
  struct mr_topic_cmd *cmd = c->cmd;
  struct mr_topic_conf conf;
  struct mr_error err = {0};
  if (!read_fields(c, cmd->print)) return MR_EXIT_USAGE;
  if (cmd->where) {
    int code = mr_where_open(&c->where, cmd->verb, cmd->where);
    if (code) return code;
  }
  int rc = mr_topic_read_conf(cmd->io, cmd->dir, cmd->name, &conf, &err);
  if (!rc && cmd->partition >= (int64_t)conf.partitions)
    rc = mr_error_set(&err, MR_ERR_NOENT, "topic %s has %u partitions", cmd->name, conf.partitions);
  if (!rc && cmd->group)
    rc = mr_topic_group_open(&c->group, cmd->io, cmd->dir, cmd->group, cmd->name, &err);
  if (!rc) c->lanes = calloc(conf.partitions + 1, sizeof *c->lanes);
  for (uint32_t p = 0; !rc && c->lanes && p < conf.partitions; p++)
    if (cmd->partition < 0 || cmd->partition == p) rc = open_lane(c, p, &err);
  return rc ? mr_topic_failed(cmd, &err, false) : MR_EXIT_OK;
}

int mr_topic_consume(struct mr_topic_cmd *cmd) {
  struct consume c = {.cmd = cmd};
  c.rc = open_all(&c);
  bool opened = !c.rc;
  mr_topic_catch_signals();
  if (opened) consume_all(&c);
  if (opened) fprintf(stderr, "Processed a total of %" PRId64 " messages\n", c.printed);
  if (c.bad) fprintf(stderr, "--where could not be decided on %" PRIu64 " of them\n", c.bad);
  for (uint32_t i = 0; i < c.lane_cnt; i++) mr_topic_reader_close(c.lanes[i].reader);
  if (c.group) mr_topic_group_close(c.group);
  mr_where_close(c.where);
  free(c.lanes);
  return c.rc;
}
