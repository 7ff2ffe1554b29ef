/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/process.h"
#include "shm/run_dir.h"
#include "shm/segment.h"

static char dir[64];

static int make_dir(void **state) {
  (void)state;
  snprintf(dir, sizeof dir, "/tmp/test_segment.XXXXXX");
  return mkdtemp(dir) ? 0 : -1;
}

/* Files in dir; with `clean` removes them. */
static uint32_t files(bool clean) {
  DIR *d = opendir(dir);
  uint32_t cnt = 0;
  for (struct dirent *e = readdir(d); e; e = readdir(d)) {
    if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
    cnt++;
    if (clean) unlinkat(dirfd(d), e->d_name, 0);
  }
  closedir(d);
  return cnt;
}

static int remove_dir(void **state) {
  (void)state;
  files(true);
  return rmdir(dir);
}

static struct mr_segment_conf conf_of(const char *graph) {
  return (struct mr_segment_conf){
      .dir = dir, .graph = graph, .version = "0.1.0", .generation = 1, .body_sz = 10000};
}

static bool exists(const char *name) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  return access(path, F_OK) == 0;
}

/* A child publishes `graph`, says so, and waits to be killed, or ends at once. Returns its pid. */
static pid_t run_child(const char *graph, bool publish) {
  int ready[2];
  char c;
  assert_int_equal(pipe(ready), 0);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (!pid) {
    struct mr_segment seg;
    struct mr_segment_conf conf = conf_of(graph);
    if (mr_segment_create(&seg, &conf, NULL)) _exit(1);
    if (publish && mr_segment_publish(&seg, 1, NULL)) _exit(1);
    mr_segment_set_state(&seg, MR_SEGMENT_RUNNING);
    if (write(ready[1], "x", 1) != 1) _exit(1);
    for (;;) pause();
  }
  close(ready[1]);
  assert_int_equal(read(ready[0], &c, 1), 1);
  close(ready[0]);
  return pid;
}

static void kill_child(pid_t pid) {
  int status;
  assert_int_equal(kill(pid, SIGKILL), 0);
  assert_int_equal(waitpid(pid, &status, 0), pid);
}

MR_TEST(a_segment_appears_whole_and_goes_at_a_clean_end) {
  MR_UNUSED_STATE;
  struct mr_segment seg;
  struct mr_segment_conf conf = conf_of("city");
  struct mr_error err;
  struct stat st;
  assert_int_equal(mr_segment_create(&seg, &conf, &err), MR_OK);
  assert_false(exists("city.1"));
  assert_int_equal(atomic_load_explicit(&seg.head->magic, memory_order_relaxed), 0);
  for (uint64_t i = 0; i < conf.body_sz; i++)
    assert_int_equal(((uint8_t *)mr_segment_body(&seg))[i], 0);
  assert_int_equal((uintptr_t)mr_segment_body(&seg) % 128, 0);
  memset(mr_segment_body(&seg), 7, conf.body_sz);
  assert_int_equal(mr_segment_publish(&seg, 42, &err), MR_OK);
  assert_true(exists("city.1"));
  assert_int_equal(files(false), 1);
  assert_int_equal(stat(seg.path, &st), 0);
  assert_int_equal((uint64_t)st.st_size, seg.head->total_sz);
  assert_true((uint64_t)st.st_blocks * 512 >= seg.head->total_sz); /* all pages are there */
  assert_int_equal(st.st_mode & 0777, 0644);

  struct mr_segment_head head;
  int fd = open(seg.path, O_RDONLY);
  assert_int_equal(read(fd, &head, sizeof head), sizeof head);
  close(fd);
  assert_int_equal(atomic_load_explicit(&head.magic, memory_order_relaxed), MR_SEGMENT_MAGIC);
  assert_int_equal(head.major, MR_SEGMENT_MAJOR);
  assert_int_equal(head.pid, getpid());
  assert_int_equal(head.layout_hash, 42);
  assert_int_equal(head.generation, 1);
  assert_string_equal(head.graph, "city");
  assert_string_equal(head.version, "0.1.0");
  assert_true(head.start_ticks > 0);
  assert_int_equal(strlen(head.boot_id), 36);

  assert_int_equal(atomic_load_explicit(&seg.head->running_ns, memory_order_relaxed), 0);
  mr_segment_set_state(&seg, MR_SEGMENT_RUNNING);
  uint64_t running = atomic_load_explicit(&seg.head->running_ns, memory_order_relaxed);
  assert_true(running >= head.start_mono_ns);
  mr_segment_set_state(&seg, MR_SEGMENT_DRAINING);
  mr_segment_set_state(&seg, MR_SEGMENT_RUNNING);
  assert_int_equal(atomic_load_explicit(&seg.head->running_ns, memory_order_relaxed), running);
  mr_segment_finish(&seg, 0);
  assert_null(seg.base);
  assert_int_equal(files(false), 0);
  mr_segment_finish(&seg, 0); /* again: nothing */
  mr_segment_discard(&seg);
}

MR_TEST(a_discarded_segment_leaves_nothing) {
  MR_UNUSED_STATE;
  struct mr_segment seg;
  struct mr_segment_conf conf = conf_of("city");
  assert_int_equal(mr_segment_create(&seg, &conf, NULL), MR_OK);
  assert_int_equal(files(false), 1);
  mr_segment_discard(&seg);
  assert_int_equal(files(false), 0);
}

MR_TEST(bad_names_and_sizes_are_refused) {
  MR_UNUSED_STATE;
  const char *const names[] = {"", "1city", "a/b", "..", "a.b", "a b", "\xc3\xa4"};
  struct mr_segment seg;
  struct mr_error err;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    struct mr_segment_conf conf = conf_of(names[i]);
    assert_int_equal(mr_segment_create(&seg, &conf, &err), MR_ERR_ARG);
  }
  char name[65];
  memset(name, 'a', 64);
  name[64] = 0;
  struct mr_segment_conf conf = conf_of(name);
  assert_int_equal(mr_segment_create(&seg, &conf, &err), MR_ERR_ARG);
  name[63] = 0;
  assert_int_equal(mr_segment_create(&seg, &conf, &err), MR_OK);
  mr_segment_discard(&seg);
  conf = conf_of("city");
  conf.body_sz = 0;
  assert_int_equal(mr_segment_create(&seg, &conf, &err), MR_ERR_ARG);
  conf.body_sz = UINT64_MAX;
  assert_int_equal(mr_segment_create(&seg, &conf, &err), MR_ERR_ARG);
  conf = conf_of("city");
  conf.dir = "/nonexistent/dir";
  assert_int_equal(mr_segment_create(&seg, &conf, &err), MR_ERR_SYS);
  assert_non_null(strstr(err.text, "/nonexistent/dir"));
  assert_int_equal(files(false), 0);
}

MR_TEST(a_full_file_system_is_an_error_at_creation) {
  MR_UNUSED_STATE;
  pid_t pid = fork();
  if (!pid) { /* a limit on the size of files stands for the full disk */
    const struct rlimit limit = {1 << 20, 1 << 20};
    struct mr_segment seg;
    struct mr_error err;
    struct mr_segment_conf conf = conf_of("city");
    conf.body_sz = UINT64_C(1) << 21;
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit)) _exit(1);
    int rc = mr_segment_create(&seg, &conf, &err);
    _exit(rc == MR_ERR_NOMEM && strstr(err.text, dir) ? 0 : 2);
  }
  int status;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  assert_int_equal(files(false), 0);
}

MR_TEST(a_second_run_of_a_live_name_is_refused_with_its_pid) {
  MR_UNUSED_STATE;
  pid_t pid = run_child("city", true);
  struct mr_segment seg;
  struct mr_error err;
  char text[32];
  struct mr_segment_conf conf = conf_of("city");
  assert_int_equal(mr_segment_create(&seg, &conf, &err), MR_ERR_EXISTS);
  snprintf(text, sizeof text, "pid %ld", (long)pid);
  assert_non_null(strstr(err.text, text));
  conf.generation = 2; /* another generation of another process is still a second run */
  assert_int_equal(mr_segment_create(&seg, &conf, &err), MR_ERR_EXISTS);
  conf = conf_of("cit"); /* another graph */
  assert_int_equal(mr_segment_create(&seg, &conf, &err), MR_OK);
  assert_int_equal(mr_segment_publish(&seg, 1, &err), MR_OK);
  mr_segment_finish(&seg, 0);
  assert_true(exists("city.1"));
  kill_child(pid);
}

MR_TEST(what_a_killed_run_left_is_replaced) {
  MR_UNUSED_STATE;
  files(true);
  pid_t pid = run_child("city", true);
  kill_child(pid);
  assert_true(exists("city.1"));
  struct mr_segment seg;
  struct mr_error err;
  struct mr_segment_conf conf = conf_of("city");
  assert_int_equal(mr_segment_create(&seg, &conf, &err), MR_OK);
  assert_int_equal(mr_segment_publish(&seg, 1, &err), MR_OK);
  assert_int_equal(files(false), 1);
  mr_segment_finish(&seg, 0);
  assert_int_equal(files(false), 0);
}

MR_TEST(a_run_that_died_while_building_is_cleaned_up_by_the_next) {
  MR_UNUSED_STATE;
  files(true);
  kill_child(run_child("city", false));
  assert_int_equal(files(false), 1);
  struct mr_segment seg;
  struct mr_segment_conf conf = conf_of("city");
  assert_int_equal(mr_segment_create(&seg, &conf, NULL), MR_OK);
  assert_int_equal(mr_segment_publish(&seg, 1, NULL), MR_OK);
  assert_int_equal(files(false), 1);
  assert_true(exists("city.1"));
  mr_segment_finish(&seg, 0);
}

MR_TEST(of_two_that_build_at_once_the_second_to_publish_is_refused) {
  MR_UNUSED_STATE;
  struct mr_segment seg;
  struct mr_error err;
  struct mr_segment_conf conf = conf_of("city");
  assert_int_equal(mr_segment_create(&seg, &conf, &err), MR_OK);
  pid_t pid = run_child("city", true);
  assert_int_equal(mr_segment_publish(&seg, 1, &err), MR_ERR_EXISTS);
  mr_segment_discard(&seg);
  assert_int_equal(files(false), 1); /* the other's */
  kill_child(pid);
  files(true);
}

MR_TEST(garbage_under_the_name_is_replaced) {
  MR_UNUSED_STATE;
  char path[128];
  snprintf(path, sizeof path, "%s/city.1", dir);
  int fd = open(path, O_CREAT | O_WRONLY, 0600);
  for (int i = 0; i < 100; i++) assert_int_equal(write(fd, "garbage!", 8), 8);
  close(fd);
  struct mr_segment seg;
  struct mr_segment_conf conf = conf_of("city");
  assert_int_equal(mr_segment_create(&seg, &conf, NULL), MR_OK);
  assert_int_equal(mr_segment_publish(&seg, 1, NULL), MR_OK);
  mr_segment_finish(&seg, 0);
}

MR_TEST(private_memory_needs_no_file) {
  MR_UNUSED_STATE;
  struct mr_segment seg;
  struct mr_segment_conf conf = conf_of("city");
  conf.dir = NULL;
  assert_int_equal(mr_segment_create(&seg, &conf, NULL), MR_OK);
  assert_int_equal(mr_segment_publish(&seg, 1, NULL), MR_OK);
  assert_int_equal(files(false), 0);
  mr_segment_finish(&seg, 0);
}

MR_TEST(a_process_is_known_by_more_than_its_pid) {
  MR_UNUSED_STATE;
  struct mr_process self, other;
  mr_process_self(&self);
  assert_true(mr_process_alive(&self, 0));
  assert_true(mr_process_alive(&self, UINT64_MAX)); /* stalled, not dead */
  other = self;
  other.start_ticks++; /* its pid was given again */
  assert_false(mr_process_alive(&other, 0));
  other = self;
  other.boot_id[0] ^= 1; /* before a reboot */
  assert_false(mr_process_alive(&other, 0));
  other = self;
  other.pid_ns++; /* in a container: by heartbeat */
  assert_true(mr_process_alive(&other, 1));
  assert_false(mr_process_alive(&other, MR_PROCESS_BEAT_OLD_NS));
  pid_t pid = fork();
  if (!pid) _exit(0);
  siginfo_t info;
  assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
  other = self;
  other.pid = (uint64_t)pid;
  other.start_ticks = 0;
  assert_false(mr_process_alive(&other, 0)); /* a zombie */
  waitpid(pid, NULL, 0);
  assert_false(mr_process_alive(&other, 0)); /* gone */
}

MR_TEST(the_run_directory_is_the_given_one) {
  MR_UNUSED_STATE;
  struct mr_run_dir chosen, list[MR_RUN_DIR_CNT_MAX];
  struct mr_error err;
  char sub[128];
  snprintf(sub, sizeof sub, "%s/run/", dir);
  setenv("MILLRACE_RUN_DIR", sub, 1);
  assert_int_equal(mr_run_dir_list(list), 0);
  assert_int_equal(mr_run_dir_choose(&chosen, 4096, &err), MR_OK);
  sub[strlen(sub) - 1] = 0;
  assert_string_equal(chosen.path, sub);
  assert_int_equal(mr_run_dir_list(list), 1);
  assert_string_equal(list[0].path, sub);
  assert_int_equal(mr_run_dir_choose(&chosen, UINT64_MAX, &err), MR_ERR_NOMEM);
  assert_non_null(strstr(err.text, "MILLRACE_RUN_DIR"));
  assert_int_equal(rmdir(sub), 0);
  snprintf(sub, sizeof sub, "%s/not/there", dir);
  setenv("MILLRACE_RUN_DIR", sub, 1);
  assert_int_equal(mr_run_dir_choose(&chosen, 4096, &err), MR_ERR_SYS);
  assert_non_null(strstr(err.text, "MILLRACE_RUN_DIR"));
  setenv("MILLRACE_RUN_DIR", "/proc/self/status", 1); /* a file */
  assert_int_not_equal(mr_run_dir_choose(&chosen, 4096, &err), MR_OK);
  unsetenv("MILLRACE_RUN_DIR");
}

MR_TEST(without_one_given_the_users_own_is_taken_unless_it_is_a_link) {
  MR_UNUSED_STATE;
  struct mr_run_dir chosen;
  struct mr_error err;
  char want[128], target[128];
  if (access("/run/millrace", W_OK) == 0) mr_skip("/run/millrace is there and writable");
  setenv("XDG_RUNTIME_DIR", dir, 1);
  snprintf(want, sizeof want, "%s/millrace", dir);
  assert_int_equal(mr_run_dir_choose(&chosen, 4096, &err), MR_OK);
  assert_string_equal(chosen.path, want);
  assert_int_equal(rmdir(want), 0);
  snprintf(target, sizeof target, "%s/elsewhere", dir);
  assert_int_equal(mkdir(target, 0700), 0);
  assert_int_equal(symlink(target, want), 0);
  assert_int_equal(mr_run_dir_choose(&chosen, 4096, &err), MR_OK);
  assert_string_not_equal(chosen.path, want);
  assert_int_equal(unlink(want), 0);
  assert_int_equal(rmdir(target), 0);
  unsetenv("XDG_RUNTIME_DIR");
}

static const struct CMUnitTest cases[] = {
    MR_CASE(a_segment_appears_whole_and_goes_at_a_clean_end),
    MR_CASE(a_discarded_segment_leaves_nothing),
    MR_CASE(bad_names_and_sizes_are_refused),
    MR_CASE(a_full_file_system_is_an_error_at_creation),
    MR_CASE(a_second_run_of_a_live_name_is_refused_with_its_pid),
    MR_CASE(what_a_killed_run_left_is_replaced),
    MR_CASE(a_run_that_died_while_building_is_cleaned_up_by_the_next),
    MR_CASE(of_two_that_build_at_once_the_second_to_publish_is_refused),
    MR_CASE(garbage_under_the_name_is_replaced),
    MR_CASE(private_memory_needs_no_file),
    MR_CASE(a_process_is_known_by_more_than_its_pid),
    MR_CASE(the_run_directory_is_the_given_one),
    MR_CASE(without_one_given_the_users_own_is_taken_unless_it_is_a_link),
};

int main(void) {
  return cmocka_run_group_tests(cases, make_dir, remove_dir);
}
