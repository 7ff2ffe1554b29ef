/* SPDX-License-Identifier: Apache-2.0 */
#include "control/control.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "control/control_private.h"
#include "worker/checkpoint.h"

#define STACK_SZ        (64u << 10)
#define CLIENT_STACK_SZ (8u << 20) /* addresses: the parser of expressions recurses */
#define NICE            10         /* below the workers */
#define REQUEST_MS      10000      /* for the request to come */
#define END_MS          1000       /* requests have this long to end with the run */
#define LOOK_MS         200  /* who waits for the end looks whether the client is still there */
#define GONE_MS         1000 /* for a client to hang up after its answer, */
#define BUSY_MS         50   /* and after it was told that all are busy */
#define EXIT_FAILED     1
#define EXIT_CONFIG     78
#define EXIT_USAGE      64
#define EXIT_BUSY       69

/* ---- saying ---- */

static bool say(struct mr_client *client, const struct mr_lines *line) {
  return mr_wire_send(client->wire.fd, line->text, line->len);
}

bool mr_client_say(struct mr_client *client, const char *fmt, ...) {
  char text[512];
  va_list args;
  va_start(args, fmt);
  int len = vsnprintf(text, sizeof text - 1, fmt, args);
  va_end(args);
  if (len < 0 || (size_t)len >= sizeof text - 1) return false;
  text[len++] = '\n';
  return mr_wire_send(client->wire.fd, text, (size_t)len);
}

void mr_client_refuse(struct mr_client *client, int exit_code, const char *fmt, ...) {
  char text[MR_ERROR_TEXT_SZ];
  struct mr_lines line = {.arena = &client->arena};
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  mr_lines_add(&line, "{\"ok\":false,\"exit\":%d,\"error\":", exit_code);
  mr_lines_json(&line, text);
  mr_lines_add(&line, "}\n");
  say(client, &line);
}

bool mr_client_gone(struct mr_client *client) {
  char c;
  ssize_t n = recv(client->wire.fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
  return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

bool mr_control_ended(struct mr_control *control) {
  pthread_mutex_lock(&control->lock);
  bool ended = control->ended;
  pthread_mutex_unlock(&control->lock);
  return ended;
}

/* At most so long; with the lock held. */
static int wait_for_change(struct mr_control *control, long ms) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += ms * 1000000L;
  until.tv_sec += until.tv_nsec / 1000000000;
  until.tv_nsec %= 1000000000;
  return pthread_cond_timedwait(&control->change, &control->lock, &until);
}

/* ---- verbs ---- */

static void answer_ping(struct mr_client *client, const struct mr_value *request) {
  (void)request;
  mr_client_say(client, "{\"ok\":true,\"graph\":\"%s\",\"pid\":%ld}",
                client->control->conf.plan->graph, (long)getpid());
}

/* Waits until the run has ended; false: the client is gone. */
static bool wait_for_end(struct mr_client *client) {
  struct mr_control *control = client->control;
  bool gone = false;
  pthread_mutex_lock(&control->lock);
  while (!control->ended && !gone) {
    wait_for_change(control, LOOK_MS);
    if (!control->ended) gone = mr_client_gone(client);
  }
  pthread_mutex_unlock(&control->lock);
  return !gone;
}

static void answer_drain(struct mr_client *client, const struct mr_value *request) {
  struct mr_control *control = client->control;
  int64_t timeout_ns = mr_value_int(request, "timeout_ns", -1);
  /* relaxed: the release below publishes it; 0 is asked for as 1 */
  if (timeout_ns >= 0)
    atomic_store_explicit(&control->drain_timeout_ns, timeout_ns ? (uint64_t)timeout_ns : 1,
                          memory_order_relaxed);
  mr_run_drain(control->conf.run);
  /* release: pairs with the acquire in mr_control_drain_asked */
  atomic_store_explicit(&control->drain_asked, 1, memory_order_release);
  client->stays = true;
  if (!wait_for_end(client)) return;
  if (control->exit_code)
    mr_client_refuse(client, control->exit_code, "%s", control->text);
  else
    mr_client_say(client, "{\"ok\":true,\"exit\":0}");
}

#define SNAPSHOT_LOOK_MS 5

/* Answers when a checkpoint that began after the request is durable. */
static void answer_snapshot(struct mr_client *client, const struct mr_value *request) {
  struct mr_control *control = client->control;
  struct mr_run *run = control->conf.run;
  struct mr_checkpoint_info info = {0};
  (void)request;
  uint64_t ticket = mr_run_checkpoint_ask(run);
  if (!ticket) {
    mr_client_refuse(client, EXIT_CONFIG,
                     "the graph takes no checkpoints: it has no "
                     "runtime.checkpoint");
    return;
  }
  int rc = MR_ERR_AGAIN;
  bool gone = false;
  pthread_mutex_lock(&control->lock);
  while (!gone && !control->ended && (rc = mr_run_checkpoint_answer(run, ticket)) == MR_ERR_AGAIN) {
    wait_for_change(control, SNAPSHOT_LOOK_MS);
    if (!control->ended) gone = mr_client_gone(client);
  }
  pthread_mutex_unlock(&control->lock);
  if (gone) return;
  if (rc == MR_ERR_AGAIN) {
    mr_client_refuse(client, EXIT_FAILED, "the graph has ended meanwhile");
    return;
  }
  if (rc) {
    mr_client_refuse(client, EXIT_FAILED, "the checkpoint failed; the graph's log says why");
    return;
  }
  mr_run_checkpoint_info(run, &info);
  mr_client_say(client, "{\"ok\":true,\"checkpoint\":%llu}", (unsigned long long)info.durable);
}

static const struct mr_verb verbs[] = {{"ping", answer_ping},
                                       {"drain", answer_drain},
                                       {"snapshot", answer_snapshot},
                                       {"tap", mr_control_tap},
                                       {"replay", mr_control_replay}};

static void answer(struct mr_client *client) {
  const char *line;
  size_t len;
  if (mr_wire_line(&client->wire, REQUEST_MS, &line, &len) != MR_WIRE_LINE) return;
  const struct mr_value *request = mr_value_parse(&client->arena, line, len);
  const char *verb = mr_value_text(request, "verb", NULL);
  if (!verb) {
    mr_client_refuse(client, EXIT_USAGE, "a request is one JSON object with a verb");
    return;
  }
  for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
    if (!strcmp(verbs[i].name, verb)) {
      verbs[i].answer(client, request);
      return;
    }
  mr_client_refuse(client, EXIT_USAGE, "this graph knows no request \"%s\"", verb);
}

/* ---- threads ---- */

/* Threads of a host take none of its signals and leave the CPU to the workers. */
static int start_thread(pthread_t *thread, size_t stack_sz, void *(*main)(void *), void *arg) {
  sigset_t all, before;
  pthread_attr_t attr;
  sigfillset(&all);
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, stack_sz);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int rc = pthread_create(thread, &attr, main, arg);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attr);
  return rc;
}

static void lower_priority(void) {
  setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
}

/* Ends the answer. What the client sent and nobody read would reset the connection, and with it the
 * answer: it is read now, until the client hangs up too. */
static void hang_up(int fd, int timeout_ms) {
  char unread[4096];
  struct pollfd p = {.fd = fd, .events = POLLIN};
  shutdown(fd, SHUT_WR);
  while (poll(&p, 1, timeout_ms) > 0 && recv(fd, unread, sizeof unread, MSG_DONTWAIT) > 0) {}
  shutdown(fd, SHUT_RDWR);
}

static void *client_main(void *arg) {
  struct mr_client *client = arg;
  struct mr_control *control = client->control;
  lower_priority();
  answer(client);
  if (!client->stays) hang_up(client->wire.fd, GONE_MS);
  pthread_mutex_lock(&control->lock);
  client->state = MR_CLIENT_ANSWERED;
  pthread_cond_broadcast(&control->change);
  pthread_mutex_unlock(&control->lock);
  return NULL;
}

static void free_client(struct mr_client *client) {
  pthread_join(client->thread, NULL);
  close(client->wire.fd);
  mr_arena_free(&client->arena);
  client->state = MR_CLIENT_FREE;
}

/* A free place, after those that were answered are cleared away; NULL: all are busy. */
static struct mr_client *find_place(struct mr_control *control) {
  for (uint32_t i = 0; i < MR_CONTROL_CLIENTS_MAX; i++) {
    struct mr_client *c = &control->clients[i];
    pthread_mutex_lock(&control->lock);
    enum mr_client_state state = c->state;
    pthread_mutex_unlock(&control->lock);
    if (state == MR_CLIENT_ANSWERED && (!c->stays || mr_client_gone(c))) {
      free_client(c);
      state = MR_CLIENT_FREE;
    }
    if (state == MR_CLIENT_FREE) return c;
  }
  return NULL;
}

static void take_client(struct mr_control *control, int fd) {
  struct mr_client *client = find_place(control);
  if (!client) {
    static const char busy[] =
        "{\"ok\":false,\"exit\":69,\"error\":\"too many requests at a time\"}\n";
    _Static_assert(EXIT_BUSY == 69, "as the text says");
    mr_wire_send(fd, busy, sizeof busy - 1);
    hang_up(fd, BUSY_MS);
    close(fd);
    return;
  }
  memset(client, 0, sizeof *client);
  client->control = control;
  client->wire = (struct mr_wire){.fd = fd, .arena = &client->arena};
  client->state = MR_CLIENT_BUSY;
  if (!start_thread(&client->thread, CLIENT_STACK_SZ, client_main, client)) return;
  client->state = MR_CLIENT_FREE;
  close(fd);
}

static void *control_main(void *arg) {
  struct mr_control *control = arg;
  lower_priority();
  for (;;) {
    struct pollfd fds[] = {{.fd = control->listen_fd, .events = POLLIN},
                           {.fd = control->stop_fd, .events = POLLIN}};
    if (poll(fds, 2, -1) < 0 && errno != EINTR) return NULL;
    if (fds[1].revents) return NULL;
    if (!fds[0].revents) continue;
    int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) take_client(control, fd);
  }
}

/* ---- the host's side ---- */

int mr_control_open(struct mr_control **out, const struct mr_control_conf *conf,
                    struct mr_error *err) {
  struct mr_arena arena = {0};
  struct mr_control *control = MR_NEW(&arena, struct mr_control, 1);
  *out = NULL;
  control->conf = *conf;
  control->arena = arena;
  pthread_mutex_init(&control->lock, NULL);
  pthread_cond_init(&control->change, NULL);
  control->stop_fd = eventfd(0, EFD_CLOEXEC);
  control->listen_fd = control->stop_fd < 0
                           ? mr_error_set_sys(err, errno, "cannot make an event descriptor")
                           : mr_wire_listen(conf->run_dir, conf->plan->graph, err);
  int rc = control->listen_fd < 0 ? control->listen_fd : MR_OK;
  if (!rc) {
    int failed = start_thread(&control->thread, STACK_SZ, control_main, control);
    if (failed) rc = mr_error_set_sys(err, failed, "cannot start the control thread");
    if (rc) {
      close(control->listen_fd);
      mr_wire_unlink(conf->run_dir, conf->plan->graph);
    }
  }
  if (!rc) {
    *out = control;
    return MR_OK;
  }
  if (control->stop_fd >= 0) close(control->stop_fd);
  arena = control->arena;
  mr_arena_free(&arena);
  return rc;
}

bool mr_control_drain_asked(const struct mr_control *control, uint64_t *timeout_ns) {
  /* acquire: pairs with the release in answer_drain */
  if (!control || !atomic_load_explicit(&control->drain_asked, memory_order_acquire)) return false;
  /* relaxed: ordered by the acquire above */
  uint64_t ns = atomic_load_explicit(&control->drain_timeout_ns, memory_order_relaxed);
  if (ns) *timeout_ns = ns;
  return true;
}

static bool any_busy(const struct mr_control *control) {
  for (uint32_t i = 0; i < MR_CONTROL_CLIENTS_MAX; i++)
    if (control->clients[i].state == MR_CLIENT_BUSY) return true;
  return false;
}

static void shut_busy(struct mr_control *control, int how) {
  for (uint32_t i = 0; i < MR_CONTROL_CLIENTS_MAX; i++)
    if (control->clients[i].state == MR_CLIENT_BUSY) shutdown(control->clients[i].wire.fd, how);
}

/* Requests that are being answered come to their end: those that wait are woken, those that read
 * find nothing more, and those that cannot write are cut off after a while. */
static void end_clients(struct mr_control *control) {
  pthread_mutex_lock(&control->lock);
  pthread_cond_broadcast(&control->change);
  shut_busy(control, SHUT_RD);
  for (bool in_time = true; in_time && any_busy(control);)
    in_time = wait_for_change(control, END_MS) != ETIMEDOUT;
  shut_busy(control, SHUT_RDWR);
  pthread_mutex_unlock(&control->lock);
  for (uint32_t i = 0; i < MR_CONTROL_CLIENTS_MAX; i++) {
    struct mr_client *c = &control->clients[i];
    pthread_mutex_lock(&control->lock);
    bool used = c->state != MR_CLIENT_FREE;
    pthread_mutex_unlock(&control->lock);
    if (!used) continue;
    pthread_join(c->thread, NULL);
    if (!c->stays) close(c->wire.fd);
    mr_arena_free(&c->arena);
    c->state = c->stays ? MR_CLIENT_ANSWERED : MR_CLIENT_FREE;
  }
}

void mr_control_finish(struct mr_control *control, int exit_code, const char *text) {
  if (!control) return;
  uint64_t one = 1;
  if (write(control->stop_fd, &one, sizeof one) < 0) return; /* cannot fail: the counter is 0 */
  pthread_join(control->thread, NULL);
  close(control->listen_fd);
  mr_wire_unlink(control->conf.run_dir, control->conf.plan->graph);
  pthread_mutex_lock(&control->lock);
  control->ended = true;
  control->exit_code = exit_code;
  snprintf(control->text, sizeof control->text, "%s", text ? text : "");
  pthread_mutex_unlock(&control->lock);
  end_clients(control);
}

void mr_control_close(struct mr_control *control) {
  if (!control) return;
  for (uint32_t i = 0; i < MR_CONTROL_CLIENTS_MAX; i++)
    if (control->clients[i].state != MR_CLIENT_FREE) close(control->clients[i].wire.fd);
  close(control->stop_fd);
  pthread_cond_destroy(&control->change);
  pthread_mutex_destroy(&control->lock);
  struct mr_arena arena = control->arena;
  mr_arena_free(&arena);
}
