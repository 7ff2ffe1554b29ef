/* SPDX-License-Identifier: Apache-2.0 */
/* Topics as a whole: creation, lists, locks, partitions, groups, verify. */
#include "rig.h"

#include "topic/group.h"
#include "topic/topic.h"
#include "topic/verify.h"

static const struct mr_topic_conf three = {
    .partitions = 3,
    .log = {.sync = MR_TOPIC_SYNC_NEVER, .codec = MR_CODEC_ZSTD, .retention_age_ms = 5}};

struct names {
  char text[256];
};
static void add_name(void *ctx, const char *name, uint32_t partitions) {
  struct names *n = ctx;
  size_t len = strlen(n->text);
  snprintf(n->text + len, sizeof n->text - len, "%s:%u ", name, partitions);
}
static void add_group(void *ctx, const char *name) {
  add_name(ctx, name, 0);
}

static void topics_are_made_once_listed_and_removed(bool in_memory) {
  struct rig r;
  rig_open(&r, in_memory);
  struct mr_error err = {0};
  struct names list = {0};
  assert_int_equal(mr_topic_list(r.io, r.root, add_name, &list, NULL),
                   in_memory ? MR_ERR_NOENT : MR_OK);
  assert_int_equal(mr_topic_create(r.io, r.root, "zoo", &three, &err), MR_OK);
  assert_int_equal(mr_topic_create(r.io, r.root, "a-b.c-1", &three, &err), MR_OK);
  assert_int_equal(mr_topic_create(r.io, r.root, "zoo", &three, &err), MR_ERR_EXISTS);
  assert_non_null(strstr(err.text, "already exists"));
  assert_int_equal(mr_topic_create(r.io, r.root, "no/name", &three, &err), MR_ERR_ARG);
  assert_int_equal(mr_topic_create(r.io, r.root, "..", &three, &err), MR_ERR_ARG);
  assert_int_equal(mr_topic_list(r.io, r.root, add_name, &list, NULL), MR_OK);
  assert_string_equal(list.text, "a-b.c-1:3 zoo:3 ");
  struct mr_topic_conf conf;
  assert_int_equal(mr_topic_read_conf(r.io, r.root, "zoo", &conf, NULL), MR_OK);
  assert_int_equal(conf.log.codec, MR_CODEC_ZSTD);
  assert_int_equal(conf.log.sync, MR_TOPIC_SYNC_NEVER);
  assert_int_equal(conf.log.retention_age_ms, 5);
  struct mr_topic *t = NULL, *other = NULL;
  struct mr_topic_open how = {.dir = r.root, .name = "zoo", .lock_wait_ms = 1};
  assert_int_equal(mr_topic_writer(r.io, r.root, "zoo"), 0);
  assert_int_equal(mr_topic_open(&t, r.io, &how, NULL, &err), MR_OK);
  assert_int_equal(mr_topic_writer(r.io, r.root, "zoo"), getpid());
  char want[64];
  snprintf(want, sizeof want, "topic `zoo` is in use by process %d", getpid());
  assert_int_equal(mr_topic_open(&other, r.io, &how, NULL, &err), MR_ERR_EXISTS);
  assert_string_equal(err.text, want);
  if (!in_memory) assert_int_equal(mr_topic_delete(r.io, r.root, "zoo", &err), MR_ERR_EXISTS);
  assert_int_equal(mr_topic_close(t, 0, &err), MR_OK);
  if (!in_memory) { /* files in memory have no folders to remove */
    assert_int_equal(mr_topic_delete(r.io, r.root, "zoo", &err), MR_OK);
    assert_int_equal(mr_topic_delete(r.io, r.root, "zoo", &err), MR_ERR_NOENT);
    list = (struct names){0};
    assert_int_equal(mr_topic_list(r.io, r.root, add_name, &list, NULL), MR_OK);
    assert_string_equal(list.text, "a-b.c-1:3 ");
  }
  rig_close(&r);
}

MR_TEST(topics_are_made_once_listed_locked_and_removed) {
  MR_UNUSED_STATE;
  topics_are_made_once_listed_and_removed(true);
  topics_are_made_once_listed_and_removed(false);
}

MR_TEST(records_without_a_key_stay_in_a_partition_for_a_batch) {
  MR_UNUSED_STATE;
  struct rig r;
  rig_open(&r, true);
  assert_int_equal(mr_topic_create(r.io, r.root, "t", &three, NULL), MR_OK);
  struct mr_topic *t = NULL;
  struct mr_topic_open how = {.dir = r.root, .name = "t"};
  assert_int_equal(mr_topic_open(&t, r.io, &how, NULL, NULL), MR_OK);
  struct mr_record rec = {.value = "", .value_sz = 1000};
  uint32_t changes = 0, cnt[3] = {0}, last = mr_topic_pick(t, &rec);
  for (int i = 0; i < 3000; i++) {
    uint32_t p = mr_topic_pick(t, &rec);
    assert_true(p < 3);
    changes += p != last;
    cnt[last = p]++;
  }
  assert_in_range(changes, 30, 60);
  for (int p = 0; p < 3; p++) assert_in_range(cnt[p], 900, 1100);
  rec.key = "foobar"; /* as the published hash says */
  rec.key_sz = 6;
  assert_int_equal(mr_topic_pick(t, &rec), (-790332482 & 0x7fffffff) % 3);
  assert_int_equal(mr_topic_close(t, 0, NULL), MR_OK);
  rig_close(&r);
}

MR_TEST(a_group_goes_on_where_it_committed) {
  MR_UNUSED_STATE;
  for (int in_memory = 0; in_memory < 2; in_memory++) {
    struct rig r;
    rig_open(&r, in_memory);
    struct mr_topic_group *g = NULL, *other = NULL;
    struct mr_error err = {0};
    int64_t offsets[3];
    struct names list = {0};
    assert_int_equal(mr_topic_group_read(r.io, r.root, "g", "t", offsets, 3, NULL), MR_ERR_NOENT);
    assert_int_equal(mr_topic_group_open(&g, r.io, r.root, "g", "t", &err), MR_OK);
    assert_int_equal(mr_topic_group_offset(g, 1), -1);
    mr_topic_group_set(g, 1, 42);
    assert_int_equal(mr_topic_group_commit(g, &err), MR_OK);
    mr_topic_group_set(g, 2, 7); /* never committed */
    if (!in_memory) {
      assert_int_equal(mr_topic_group_open(&other, r.io, r.root, "g", "t", &err), MR_ERR_EXISTS);
      assert_non_null(strstr(err.text, "group `g` of topic `t` is in use by process"));
    }
    mr_topic_group_close(g);
    assert_int_equal(mr_topic_group_open(&g, r.io, r.root, "g", "t", &err), MR_OK);
    assert_int_equal(mr_topic_group_offset(g, 1), 42);
    assert_int_equal(mr_topic_group_offset(g, 2), -1);
    mr_topic_group_close(g);
    assert_int_equal(mr_topic_group_read(r.io, r.root, "g", "t", offsets, 3, NULL), MR_OK);
    assert_int_equal(offsets[0], -1);
    assert_int_equal(offsets[1], 42);
    assert_int_equal(mr_topic_group_list(r.io, r.root, "t", add_group, &list, NULL), MR_OK);
    assert_string_equal(list.text, "g:0 ");
    assert_int_equal(mr_topic_group_list(r.io, r.root, "u", add_group, &list, NULL), MR_OK);
    assert_string_equal(list.text, "g:0 ");
    rig_close(&r);
  }
}

static const struct mr_topic_conf one = {
    .partitions = 1, .log = {.sync = MR_TOPIC_SYNC_ALWAYS, .segment_sz = 40000, .batch_sz = 1500}};

static void fill(struct rig *r, int64_t cnt, bool clean) {
  assert_int_equal(mr_topic_create(r->io, r->root, "t", &one, NULL), MR_OK);
  struct mr_topic *t = NULL;
  struct mr_topic_open how = {.dir = r->root, .name = "t"};
  assert_int_equal(mr_topic_open(&t, r->io, &how, NULL, NULL), MR_OK);
  rig_append(mr_topic_log_at(t, 0), 0, cnt);
  rig_acked(mr_topic_log_at(t, 0), cnt);
  if (clean)
    assert_int_equal(mr_topic_close(t, 0, NULL), MR_OK);
  else
    mr_topic_abandon(t);
}

static struct mr_topic_verified verify(struct rig *r) {
  struct mr_topic_verified v;
  struct mr_error err = {0};
  int rc = mr_topic_verify(r->io, r->root, "t", 0, NULL, NULL, &v, &err);
  if (rc) print_message("%s\n", err.text);
  assert_int_equal(rc, MR_OK);
  return v;
}

MR_TEST(verify_tells_damage_from_a_torn_tail) {
  MR_UNUSED_STATE;
  for (int clean = 0; clean < 2; clean++) {
    struct rig r;
    rig_open(&r, true);
    fill(&r, 1500, clean);
    struct mr_topic_verified v = verify(&r);
    assert_int_equal(v.records, 1500);
    assert_int_equal(v.end, 1500);
    for (int k = 0; k < 3; k++) assert_int_equal(v.findings[k], 0);
    int64_t *bases;
    uint32_t cnt;
    struct mr_arena arena = {0};
    char name[64];
    size_t len = 0;
    assert_int_equal(mr_topic_segment_list(r.io, r.dir, &arena, &bases, &cnt, NULL), MR_OK);
    assert_true(cnt > 3);
    snprintf(name, sizeof name, "%020lld.log", (long long)bases[cnt - 1]);
    uint8_t *data = rig_get(&r, name, &len);
    uint8_t *more = calloc(1, len + 100);
    assert_non_null(more);
    memcpy(more, data, len);
    more[len + 10] = 1; /* a beginning of a batch that is none */
    rig_put(&r, name, more, len + 100);
    v = verify(&r);
    assert_int_equal(v.findings[clean ? MR_TOPIC_FOUND_DAMAGE : MR_TOPIC_FOUND_TAIL], 1);
    assert_int_equal(v.findings[clean ? MR_TOPIC_FOUND_TAIL : MR_TOPIC_FOUND_DAMAGE], 0);
    size_t whole = len; /* without what a direct write adds to a block */
    while (whole > 0 && data[whole - 1] == 0) whole--;
    rig_put(&r, name, data, whole - 200); /* what was synced is gone */
    assert_int_equal(verify(&r).findings[MR_TOPIC_FOUND_DAMAGE], 1);
    rig_put(&r, name, data, len);
    free(data);
    snprintf(name, sizeof name, "%020lld.index", (long long)bases[1]);
    data = rig_get(&r, name, &len);
    data[len / 2] ^= 1;
    rig_put(&r, name, data, len);
    v = verify(&r);
    assert_int_equal(v.findings[MR_TOPIC_FOUND_INDEX], 1);
    assert_int_equal(v.findings[MR_TOPIC_FOUND_DAMAGE], 0);
    free(data);
    free(more);
    mr_arena_free(&arena);
    rig_close(&r);
  }
}

static const struct CMUnitTest cases[] = {
    MR_CASE(topics_are_made_once_listed_locked_and_removed),
    MR_CASE(records_without_a_key_stay_in_a_partition_for_a_batch),
    MR_CASE(a_group_goes_on_where_it_committed),
    MR_CASE(verify_tells_damage_from_a_torn_tail),
};
MR_MAIN(cases)
