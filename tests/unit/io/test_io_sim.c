/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "io/sim.h"

static struct mr_io_sim *disk;
static struct mr_io *io;

static void plug_in(struct mr_io_sim_conf conf) {
  mr_io_sim_create(&disk, &conf);
  mr_io_sim_attach(&io, disk);
}

static void unplug(void) {
  mr_io_destroy(io);
  mr_io_sim_destroy(disk);
}

static int64_t ask(struct mr_io_req req) {
  struct mr_io_req r = req;
  return mr_io_wait(io, &r);
}

static int open_it(const char *path) {
  return (int)ask((struct mr_io_req){.kind = MR_IO_OPEN, .path = path, .flags = O_RDWR | O_CREAT});
}
static int64_t write_at(int fd, const void *text, uint64_t len, uint64_t off) {
  return ask((struct mr_io_req){
      .kind = MR_IO_WRITE, .fd = fd, .buf = (void *)(uintptr_t)text, .len = len, .off = off});
}
static int64_t sync_it(int fd) {
  return ask((struct mr_io_req){.kind = MR_IO_DATASYNC, .fd = fd});
}
static int64_t sync_dir(const char *path) {
  return ask((struct mr_io_req){.kind = MR_IO_SYNC_DIR, .path = path});
}
static int64_t rename_it(const char *from, const char *to) {
  return ask((struct mr_io_req){.kind = MR_IO_RENAME, .path = from, .path_to = to});
}

/* What the disk has after a cut. */
static const char *after_cut(const char *path, size_t *len) {
  mr_io_sim_cut(disk);
  mr_io_destroy(io);
  mr_io_sim_attach(&io, disk);
  return mr_io_sim_get(disk, path, len);
}

MR_TEST(what_was_synced_outlives_a_cut_and_the_rest_does_in_every_way_there_is) {
  MR_UNUSED_STATE;
  static char old[4 * MR_IO_SIM_SECTOR], new[4 * MR_IO_SIM_SECTOR];
  memset(old, 'o', sizeof old);
  memset(new, 'n', sizeof new);
  uint32_t whole = 0, none = 0, torn = 0;
  for (uint64_t seed = 0; seed < 300; seed++) {
    plug_in((struct mr_io_sim_conf){.seed = seed, .delay = (uint32_t)seed % 3});
    int fd = open_it("f");
    assert_int_equal(write_at(fd, old, sizeof old, 0), sizeof old);
    assert_int_equal(sync_it(fd), 0);
    assert_int_equal(sync_dir("."), 0);
    assert_int_equal(write_at(fd, new, sizeof new, 0), sizeof new);
    size_t len;
    const char *got = after_cut("f", &len);
    assert_int_equal(len, sizeof old);
    uint32_t news = 0;
    for (uint32_t i = 0; i < 4; i++) {
      const char *sector = got + (size_t)i * MR_IO_SIM_SECTOR;
      bool is_new = sector[0] == 'n';
      assert_memory_equal(sector, is_new ? new : old, MR_IO_SIM_SECTOR);
      news += is_new;
    }
    whole += news == 4;
    none += news == 0;
    torn += news && news < 4;
    unplug();
  }
  assert_true(whole > 50 && none > 50 && torn > 50);
}

MR_TEST(a_length_may_outlive_its_bytes_and_bytes_their_neighbours) {
  MR_UNUSED_STATE;
  uint32_t zeros = 0, hole = 0, nothing = 0;
  for (uint64_t seed = 0; seed < 300; seed++) {
    plug_in((struct mr_io_sim_conf){.seed = seed});
    int fd = open_it("f");
    assert_int_equal(sync_dir("/"), 0);
    write_at(fd, "first", 5, 0);
    write_at(fd, "second", 6, 5);
    size_t len;
    const char *got = after_cut("f", &len);
    nothing += len == 0;
    zeros += len == 11 && memcmp(got, "\0\0\0\0\0\0\0\0\0\0\0", 11) == 0;
    hole += len == 11 && memcmp(got, "\0\0\0\0\0second", 11) == 0;
    unplug();
  }
  assert_true(zeros > 5 && hole > 20 && nothing > 20);
}

MR_TEST(a_name_that_was_not_synced_may_be_lost_and_never_leads_to_something_else) {
  MR_UNUSED_STATE;
  uint32_t old = 0, new = 0;
  for (uint64_t seed = 0; seed < 200; seed++) {
    plug_in((struct mr_io_sim_conf){.seed = seed});
    int fd = open_it("f");
    write_at(fd, "old", 3, 0);
    sync_it(fd);
    sync_dir("/");
    int temp = open_it("f.tmp");
    write_at(temp, "newer", 5, 0);
    sync_it(temp);
    assert_int_equal(rename_it("f.tmp", "f"), 0);
    if (seed % 2) sync_dir("/");
    size_t len;
    const char *got = after_cut("f", &len);
    assert_non_null(got);
    if (len == 3)
      old++;
    else
      new ++;
    assert_memory_equal(got, len == 3 ? "old" : "newer", len);
    assert_true(!(seed % 2) || len == 5);
    unplug();
  }
  assert_true(old > 20 && new > 120);
}

MR_TEST(folders_made_on_the_way_to_a_file_stay_and_the_file_needs_a_sync_of_its_own) {
  MR_UNUSED_STATE;
  uint32_t lost = 0;
  for (uint64_t seed = 0; seed < 100; seed++) {
    plug_in((struct mr_io_sim_conf){.seed = seed});
    assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_PARENTS, .path = "/a/b/f"}), 0);
    int fd = open_it("/a/b/f");
    write_at(fd, "x", 1, 0);
    sync_it(fd);
    size_t len;
    lost += after_cut("/a/b/f", &len) == NULL;
    assert_int_equal(mr_io_sim_list(disk, "/a/b", (char[4]){0}, 4) >= 0, true);
    unplug();
  }
  assert_true(lost > 30 && lost < 70);
}

MR_TEST(a_sync_covers_what_had_finished_when_it_was_submitted_and_no_more) {
  MR_UNUSED_STATE;
  uint32_t missing = 0;
  for (uint64_t seed = 0; seed < 200; seed++) {
    plug_in((struct mr_io_sim_conf){.seed = seed, .delay = 5});
    int fd = open_it("f");
    sync_dir("/");
    struct mr_io_req w = {.kind = MR_IO_WRITE, .fd = fd, .buf = "abc", .len = 3};
    struct mr_io_req s = {.kind = MR_IO_DATASYNC, .fd = fd};
    mr_io_submit(io, &w);
    mr_io_submit(io, &s);
    assert_int_equal(mr_io_finish(io, &w), 3);
    assert_int_equal(mr_io_finish(io, &s), 0);
    size_t len;
    const char *got = after_cut("f", &len);
    missing += len != 3 || memcmp(got, "abc", 3) != 0;
    unplug();
  }
  assert_true(missing > 50);
}

MR_TEST(after_a_sync_that_failed_no_later_one_brings_back_what_it_should_have_covered) {
  MR_UNUSED_STATE;
  plug_in((struct mr_io_sim_conf){.seed = 1});
  int fd = open_it("f");
  sync_dir("/");
  write_at(fd, "one", 3, 0);
  mr_io_sim_faults(disk, &(struct mr_io_sim_conf){.sync_error = 1000});
  assert_int_equal(sync_it(fd), -EIO);
  mr_io_sim_faults(disk, &(struct mr_io_sim_conf){0});
  assert_int_equal(sync_it(fd), 0); /* says yes */
  write_at(fd, "two", 3, 3);
  assert_int_equal(sync_it(fd), 0);
  size_t len;
  const char *got = mr_io_sim_get(disk, "f", &len);
  assert_memory_equal(got, "onetwo", 6); /* what a process sees */
  got = after_cut("f", &len);
  assert_int_equal(len, 6);
  assert_memory_equal(got, "\0\0\0two", 6);
  unplug();
}

MR_TEST(a_killed_process_loses_what_was_in_flight_at_most) {
  MR_UNUSED_STATE;
  uint32_t arrived = 0;
  for (uint64_t seed = 0; seed < 100; seed++) {
    plug_in((struct mr_io_sim_conf){.seed = seed, .delay = 4});
    int fd = open_it("f");
    assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_LOCK, .fd = fd}), 0);
    assert_int_equal(write_at(fd, "kept", 4, 0), 4);
    struct mr_io_req w = {.kind = MR_IO_WRITE, .fd = fd, .buf = "flight", .len = 6, .off = 4};
    mr_io_submit(io, &w);
    bool finished = mr_io_done(&w); /* it may be quick */
    mr_io_sim_kill(disk);
    assert_true(mr_io_done(&w));
    assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_STAT, .path = "f"}), -EIO); /* dead */
    size_t len;
    const char *got = mr_io_sim_get(disk, "f", &len);
    assert_true(len >= 4 && len <= 10 && (!finished || len == 10));
    assert_memory_equal(got, "keptflight", len);
    arrived += len == 10;
    mr_io_destroy(io);
    mr_io_sim_attach(&io, disk);
    fd = open_it("f");
    assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_LOCK, .fd = fd}), 0);
    unplug();
  }
  assert_true(arrived > 10 && arrived < 90);
}

MR_TEST(a_disk_that_stops_does_nothing_from_that_request_on) {
  MR_UNUSED_STATE;
  plug_in((struct mr_io_sim_conf){.seed = 1});
  int fd = open_it("f");
  sync_dir("/");
  mr_io_sim_stop_after(disk, 3);
  assert_int_equal(write_at(fd, "a", 1, 0), 1);
  assert_int_equal(sync_it(fd), 0);
  assert_false(mr_io_sim_stopped(disk));
  assert_int_equal(write_at(fd, "b", 1, 0), -EIO);
  assert_true(mr_io_sim_stopped(disk));
  assert_int_equal(sync_it(fd), -EIO);
  size_t len;
  const char *got = after_cut("f", &len);
  assert_int_equal(len, 1);
  assert_memory_equal(got, "a", 1);
  assert_true(open_it("f") >= 0); /* until the next start */
  unplug();
}

MR_TEST(a_full_disk_takes_what_there_is_room_for_and_a_cut_file_makes_room) {
  MR_UNUSED_STATE;
  plug_in((struct mr_io_sim_conf){.seed = 1, .space = 10});
  int fd = open_it("f"), other = open_it("g");
  assert_int_equal(
      ask((struct mr_io_req){.kind = MR_IO_ALLOCATE, .fd = fd, .len = 8, .flags = MR_IO_LENGTHEN}),
      0);
  assert_int_equal(write_at(fd, "12345678", 8, 0), 8); /* inside what is allocated */
  struct mr_io_req w = {.kind = MR_IO_WRITE, .fd = other, .buf = "abc", .len = 3};
  assert_int_equal(mr_io_wait(io, &w), -ENOSPC);
  assert_int_equal(w.done, 2);
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_TRUNCATE, .fd = fd, .len = 7}), 0);
  assert_int_equal(mr_io_wait(io, &w), 3);
  unplug();
}

MR_TEST(faults_hit_as_often_as_was_said_and_the_layer_above_finishes_what_can_be_finished) {
  MR_UNUSED_STATE;
  plug_in((struct mr_io_sim_conf){
      .seed = 1, .delay = 3, .shortness = 500, .interruption = 300, .write_error = 40});
  static char text[3000];
  uint32_t failed = 0;
  for (uint32_t i = 0; i < sizeof text; i++) text[i] = (char)('a' + i % 23);
  int fd = open_it("f");
  for (int i = 0; i < 200; i++) {
    int64_t n = write_at(fd, text, sizeof text, 0);
    failed += n == -EIO;
    assert_true(n == -EIO || n == sizeof text);
    if (n < 0) continue;
    size_t len;
    assert_memory_equal(mr_io_sim_get(disk, "f", &len), text, sizeof text);
  }
  assert_true(failed > 5 && failed < 100);
  unplug();
}

/* Random requests; what the disk holds afterwards, as a number. */
static uint64_t wander(uint64_t seed) {
  plug_in((struct mr_io_sim_conf){.seed = seed, .delay = 3, .shortness = 100, .sync_error = 50});
  char path[2] = "a", buf[64];
  uint64_t sum = 0;
  for (uint32_t i = 0; i < 200; i++) {
    path[0] = (char)('a' + i % 3);
    int fd = open_it(path);
    memset(buf, (int)i, sizeof buf);
    sum = sum * 31 + (uint64_t)write_at(fd, buf, sizeof buf, i * 7 % 1000);
    sum = sum * 31 + (uint64_t)sync_it(fd);
    ask((struct mr_io_req){.kind = MR_IO_CLOSE, .fd = fd});
    if (i % 50 == 49) {
      size_t len;
      const char *got = after_cut("b", &len);
      for (size_t k = 0; k < len; k++) sum = sum * 31 + (unsigned char)got[k];
    }
  }
  unplug();
  return sum;
}

MR_TEST(a_seed_gives_the_same_run_again) {
  MR_UNUSED_STATE;
  assert_int_equal(wander(5), wander(5));
  assert_int_not_equal(wander(5), wander(6));
}

MR_TEST(names_and_folders_are_as_on_a_real_disk) {
  MR_UNUSED_STATE;
  plug_in((struct mr_io_sim_conf){.seed = 1});
  char names[64];
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_OPEN, .path = "/x/f", .flags = O_CREAT}),
                   -ENOENT);
  ask((struct mr_io_req){.kind = MR_IO_PARENTS, .path = "/x/f"});
  int fd = open_it("x/f");
  assert_int_equal(ask((struct mr_io_req){
                       .kind = MR_IO_OPEN, .path = "/x/f", .flags = O_CREAT | O_EXCL | O_RDWR}),
                   -EEXIST);
  struct mr_io_req list = {.kind = MR_IO_LIST, .path = "/x/", .buf = names, .len = sizeof names};
  assert_int_equal(ask(list), 2);
  assert_string_equal(names, "f");
  list.len = 1;
  assert_int_equal(ask(list), -ERANGE);
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_REMOVE_DIR, .path = "/x"}), -ENOTEMPTY);
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_UNLINK, .path = "/x"}), -EISDIR);
  write_at(fd, "abc", 3, 0);
  assert_int_equal(rename_it("/x/f", "/g"), 0);
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_STAT, .path = "g"}), 3);
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_REMOVE_DIR, .path = "/x"}), 0);
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_STAT, .path = "/x"}), -ENOENT);
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_LOCK, .fd = fd}), 0);
  int second = open_it("g");
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_LOCK, .fd = second}), -EAGAIN);
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_LOCK_TEST, .fd = second}), 1);
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_CLOSE, .fd = fd}), 0);
  assert_int_equal(ask((struct mr_io_req){.kind = MR_IO_LOCK, .fd = second}), 0);
  unplug();
}

static const struct CMUnitTest cases[] = {
    MR_CASE(what_was_synced_outlives_a_cut_and_the_rest_does_in_every_way_there_is),
    MR_CASE(a_length_may_outlive_its_bytes_and_bytes_their_neighbours),
    MR_CASE(a_name_that_was_not_synced_may_be_lost_and_never_leads_to_something_else),
    MR_CASE(folders_made_on_the_way_to_a_file_stay_and_the_file_needs_a_sync_of_its_own),
    MR_CASE(a_sync_covers_what_had_finished_when_it_was_submitted_and_no_more),
    MR_CASE(after_a_sync_that_failed_no_later_one_brings_back_what_it_should_have_covered),
    MR_CASE(a_killed_process_loses_what_was_in_flight_at_most),
    MR_CASE(a_disk_that_stops_does_nothing_from_that_request_on),
    MR_CASE(a_full_disk_takes_what_there_is_room_for_and_a_cut_file_makes_room),
    MR_CASE(faults_hit_as_often_as_was_said_and_the_layer_above_finishes_what_can_be_finished),
    MR_CASE(a_seed_gives_the_same_run_again),
    MR_CASE(names_and_folders_are_as_on_a_real_disk),
};
MR_MAIN(cases)
