/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];

static int make_dir(void **state) {
  (void)state;
  snprintf(dir, sizeof dir, "/tmp/test_attach.XXXXXX");
  if (!mkdtemp(dir)) return -1;
  return setenv("MILLRACE_RUN_DIR", dir, 1);
}

static int remove_dir(void **state) {
  (void)state;
  DIR *d = opendir(dir);
  for (struct dirent *e = readdir(d); e; e = readdir(d)) unlinkat(dirfd(d), e->d_name, 0);
  closedir(d);
  return rmdir(dir);
}

static const char *path_of(const char *name) {
  static char path[128];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  return path;
}

/* A child runs `graph`, writes a few numbers, and waits to be killed. */
static pid_t run_child(const char *graph) {
  int ready[2];
  char c;
  assert_int_equal(pipe(ready), 0);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (!pid) {
    struct rig rig;
    rig_open(&rig, dir, graph);
    mr_segment_set_state(&rig.seg, MR_SEGMENT_RUNNING);
    mr_stat_set(&rig.stats.nodes[FEED].rows_in, 12345);
    mr_hist_record(&rig.stats.nodes[FEED].service_ns, 777);
    mr_segment_beat(&rig.seg);
    if (write(ready[1], "x", 1) != 1) _exit(1);
    for (;;) pause();
  }
  close(ready[1]);
  assert_int_equal(read(ready[0], &c, 1), 1);
  close(ready[0]);
  return pid;
}

static void kill_child(pid_t pid) {
  assert_int_equal(kill(pid, SIGKILL), 0);
  assert_int_equal(waitpid(pid, NULL, 0), pid);
}

MR_TEST(a_live_graph_is_found_by_name_and_by_pid) {
  MR_UNUSED_STATE;
  pid_t pid = run_child("city");
  struct mr_attach attach;
  struct mr_snapshot snap = {0};
  struct mr_error err;
  char number[32];
  snprintf(number, sizeof number, "%ld", (long)pid);
  const char *const names[] = {"city", number};
  for (int i = 0; i < 2; i++) {
    assert_int_equal(mr_attach_find(&attach, names[i], &err), MR_ATTACH_OK);
    assert_string_equal(attach.graph, "city");
    assert_int_equal(attach.process.pid, pid);
    assert_int_equal(mr_attach_state(&attach), MR_GRAPH_RUNNING);
    assert_int_equal(mr_snapshot_take(&attach, &snap), MR_OK);
    assert_int_equal(mr_snapshot_word(&snap.nodes[FEED].rows_in), 12345);
    assert_string_equal(snap.nodes[BY_TYPE_1].name, "by_type");
    assert_int_equal(snap.plan_len, strlen(RIG_PLAN));
    assert_memory_equal(snap.plan, RIG_PLAN, snap.plan_len);
    mr_attach_close(&attach);
  }
  mr_snapshot_free(&snap);
  kill_child(pid);
}

MR_TEST(a_killed_graph_is_dead_and_can_still_be_read) {
  MR_UNUSED_STATE;
  pid_t pid = run_child("city");
  struct mr_attach before, after;
  struct mr_snapshot snap = {0};
  assert_int_equal(mr_attach_find(&before, "city", NULL), MR_ATTACH_OK);
  kill_child(pid);
  assert_int_equal(mr_attach_state(&before), MR_GRAPH_DEAD);
  assert_int_equal(mr_attach_find(&after, "city", NULL), MR_ATTACH_OK);
  assert_int_equal(mr_snapshot_take(&after, &snap), MR_OK);
  assert_int_equal(snap.state, MR_GRAPH_DEAD);
  assert_false(snap.stalled);
  assert_int_equal(mr_snapshot_word(&snap.nodes[FEED].rows_in), 12345);
  assert_int_equal(mr_snapshot_word(&snap.nodes[FEED].service_ns.counts[mr_hist_index(777)]), 1);
  mr_snapshot_free(&snap);
  mr_attach_close(&before);
  mr_attach_close(&after);
}

MR_TEST(a_live_graph_comes_before_a_dead_one_of_the_name) {
  MR_UNUSED_STATE;
  kill_child(run_child("city"));
  /* the dead one stays under another number */
  char old[128];
  snprintf(old, sizeof old, "%s", path_of("city.9"));
  assert_int_equal(rename(path_of("city.1"), old), 0);
  struct rig rig;
  struct mr_attach attach;
  char kept[128];
  snprintf(kept, sizeof kept, "%s/kept", dir);
  assert_int_equal(link(old, kept), 0); /* publishing cleans up: put it back afterwards */
  rig_open(&rig, dir, "city");
  assert_int_equal(access(old, F_OK), -1);
  assert_int_equal(rename(kept, old), 0);
  assert_int_equal(mr_attach_find(&attach, "city", NULL), MR_ATTACH_OK);
  assert_int_equal(attach.process.pid, getpid());
  mr_attach_close(&attach);
  rig_close(&rig);
  assert_int_equal(mr_attach_find(&attach, "city", NULL), MR_ATTACH_OK);
  assert_int_not_equal(attach.process.pid, getpid());
  mr_attach_close(&attach);
  assert_int_equal(unlink(old), 0);
}

MR_TEST(states_follow_the_writer_and_done_is_seen_by_who_was_attached) {
  MR_UNUSED_STATE;
  struct rig rig;
  struct mr_attach attach;
  struct mr_snapshot snap = {0};
  rig_open(&rig, dir, "city");
  assert_int_equal(mr_attach_find(&attach, "city", NULL), MR_ATTACH_OK);
  assert_int_equal(mr_attach_state(&attach), MR_GRAPH_STARTING);
  mr_segment_set_state(&rig.seg, MR_SEGMENT_RUNNING);
  assert_int_equal(mr_attach_state(&attach), MR_GRAPH_RUNNING);
  mr_segment_set_state(&rig.seg, MR_SEGMENT_DRAINING);
  assert_int_equal(mr_attach_state(&attach), MR_GRAPH_DRAINING);
  mr_segment_finish(&rig.seg, 75);
  assert_int_equal(mr_snapshot_take(&attach, &snap), MR_OK);
  assert_int_equal(snap.state, MR_GRAPH_DONE);
  assert_int_equal(snap.exit_code, 75);
  mr_snapshot_free(&snap);
  mr_attach_close(&attach);
  struct mr_error err;
  assert_int_equal(mr_attach_find(&attach, "city", &err), MR_ATTACH_NO_FILE);
  assert_non_null(strstr(err.text, "city"));
  assert_non_null(strstr(err.text, dir));
}

MR_TEST(what_is_not_there_is_said_with_the_place_looked_at) {
  MR_UNUSED_STATE;
  struct mr_attach attach;
  struct mr_error err;
  assert_int_equal(mr_attach_find(&attach, "nobody", &err), MR_ATTACH_NO_FILE);
  assert_int_equal(err.code, MR_ERR_NOENT);
  assert_int_equal(mr_attach_find(&attach, "999999999", &err), MR_ATTACH_NO_FILE);
  assert_int_equal(mr_attach_find(&attach, "12x", &err), MR_ATTACH_NO_FILE);
  assert_int_equal(err.code, MR_ERR_ARG);
  assert_int_equal(mr_attach_find(&attach, "", &err), MR_ATTACH_NO_FILE);
  assert_int_equal(mr_attach_find(&attach, "../etc", &err), MR_ATTACH_NO_FILE);
  assert_int_equal(mr_attach_file(&attach, path_of("nothing")), MR_ATTACH_NO_FILE);
  assert_int_equal(mr_attach_file(&attach, dir), MR_ATTACH_NOT_READY);
  mr_attach_close(&attach);
}

/* Writes the first sz bytes of the segment to a file. */
static void write_file(const char *name, const void *bytes, size_t sz) {
  int fd = open(path_of(name), O_CREAT | O_TRUNC | O_WRONLY, 0600);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, bytes, sz), sz);
  close(fd);
}

MR_TEST(each_damage_has_its_reason) {
  MR_UNUSED_STATE;
  struct rig rig;
  struct mr_attach attach;
  struct mr_error err;
  rig_open(&rig, NULL, "city");
  size_t sz = rig.seg.sz;
  write_file("city.1", rig.seg.base, 0);
  assert_int_equal(mr_attach_file(&attach, path_of("city.1")), MR_ATTACH_TOO_SHORT);
  write_file("city.1", rig.seg.base, MR_SEGMENT_HEAD_SZ - 1);
  assert_int_equal(mr_attach_file(&attach, path_of("city.1")), MR_ATTACH_TOO_SHORT);
  write_file("city.1", rig.seg.base, sz / 2);
  assert_int_equal(mr_attach_file(&attach, path_of("city.1")), MR_ATTACH_TOO_SHORT);
  write_file("city.1", rig.seg.base, sz);
  assert_int_equal(mr_attach_file(&attach, path_of("city.1")), MR_ATTACH_OK);
  mr_attach_close(&attach);

  atomic_store_explicit(&rig.seg.head->magic, 0, memory_order_relaxed);
  write_file("city.1", rig.seg.base, sz);
  assert_int_equal(mr_attach_file(&attach, path_of("city.1")), MR_ATTACH_NOT_READY);
  atomic_store_explicit(&rig.seg.head->magic, MR_SEGMENT_MAGIC, memory_order_relaxed);

  rig.seg.head->major++;
  write_file("city.1", rig.seg.base, sz);
  assert_int_equal(mr_attach_find(&attach, "city", &err), MR_ATTACH_INCOMPATIBLE);
  assert_non_null(strstr(err.text, "city.1"));
  rig.seg.head->major--;
  rig.seg.head->minor++; /* a later minor version is read */
  write_file("city.1", rig.seg.base, sz);
  assert_int_equal(mr_attach_file(&attach, path_of("city.1")), MR_ATTACH_OK);
  mr_attach_close(&attach);
  rig.seg.head->minor--;

  rig.stats.tables[MR_STAT_NODES].off += 8; /* the hash tells */
  write_file("city.1", rig.seg.base, sz);
  assert_int_equal(mr_attach_file(&attach, path_of("city.1")), MR_ATTACH_CORRUPT);
  rig.stats.tables[MR_STAT_NODES].off -= 8;
  rig_close(&rig);
  assert_int_equal(unlink(path_of("city.1")), 0);
}

/* What another build may have: a longer entry behind the known one. The reader takes the part it
 * knows. */
MR_TEST(an_entry_of_a_later_minor_version_is_read_as_far_as_it_is_known) {
  MR_UNUSED_STATE;
  struct rig rig;
  struct mr_attach attach;
  struct mr_snapshot snap = {0};
  rig_open(&rig, NULL, "city");
  struct mr_stat_table *table = &rig.stats.tables[MR_STAT_PARTITIONS];
  struct mr_stat_table *parts = &rig.stats.tables[MR_STAT_PARTS];
  /* the parts' room becomes two wide partitions */
  table->off = parts->off;
  table->stride = sizeof(struct mr_partition_stat) + 64;
  table->cnt = 2;
  parts->cnt = 0;
  uint8_t *at = rig.seg.base + table->off;
  struct mr_partition_stat one = {.node = FEED, .idx = 3}, two = {.node = FEED, .idx = 4};
  memcpy(at, &one, sizeof one);
  memset(at + sizeof one, 0xff, 64);
  memcpy(at + table->stride, &two, sizeof two);
  rig.seg.head->layout_hash = mr_stats_layout_hash(&rig.stats);
  rig_attach(&rig, &attach);
  assert_int_equal(mr_snapshot_take(&attach, &snap), MR_OK);
  assert_int_equal(snap.partition_cnt, 2);
  assert_int_equal(snap.partitions[0].idx, 3);
  assert_int_equal(snap.partitions[1].idx, 4);
  mr_snapshot_free(&snap);
  rig_close(&rig);
}

MR_TEST(attaching_a_thousand_times_changes_nothing) {
  MR_UNUSED_STATE;
  struct rig rig;
  struct mr_attach attach;
  rig_open(&rig, dir, "city");
  uint8_t *before = malloc(rig.seg.sz);
  memcpy(before, rig.seg.base, rig.seg.sz);
  struct mr_snapshot snap = {0};
  for (int i = 0; i < 1000; i++) {
    assert_int_equal(mr_attach_find(&attach, "city", NULL), MR_ATTACH_OK);
    if (i % 100 == 0) assert_int_equal(mr_snapshot_take(&attach, &snap), MR_OK);
    mr_attach_close(&attach);
  }
  assert_memory_equal(before, rig.seg.base, rig.seg.sz);
  mr_snapshot_free(&snap);
  free(before);
  rig_close(&rig);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(a_live_graph_is_found_by_name_and_by_pid),
    MR_CASE(a_killed_graph_is_dead_and_can_still_be_read),
    MR_CASE(a_live_graph_comes_before_a_dead_one_of_the_name),
    MR_CASE(states_follow_the_writer_and_done_is_seen_by_who_was_attached),
    MR_CASE(what_is_not_there_is_said_with_the_place_looked_at),
    MR_CASE(each_damage_has_its_reason),
    MR_CASE(an_entry_of_a_later_minor_version_is_read_as_far_as_it_is_known),
    MR_CASE(attaching_a_thousand_times_changes_nothing),
};

int main(void) {
  return cmocka_run_group_tests(cases, make_dir, remove_dir);
}
