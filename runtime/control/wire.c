/* SPDX-License-Identifier: Apache-2.0 */
#include "control/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16
#define SEND_MS 10000

/* ---- names ---- */

/* The path of a socket may have 107 bytes only, so it is named by way of the directory's
 * descriptor, which the caller closes. */
static int name_socket(const char *dir, const char *graph, struct sockaddr_un *addr, int *dir_fd,
                       struct mr_error *err) {
  memset(addr, 0, sizeof *addr);
  addr->sun_family = AF_UNIX;
  *dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (*dir_fd < 0) return mr_error_set_sys(err, errno, "cannot open %s", dir);
  int len =
      snprintf(addr->sun_path, sizeof addr->sun_path, "/proc/self/fd/%d/%s.sock", *dir_fd, graph);
  if (len > 0 && (size_t)len < sizeof addr->sun_path) return MR_OK;
  close(*dir_fd);
  return mr_error_set(err, MR_ERR_ARG, "the name %s is too long for a socket", graph);
}

static int new_socket(struct mr_error *err) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return fd < 0 ? mr_error_set_sys(err, errno, "cannot make a socket") : fd;
}

static int listen_at(int fd, const struct sockaddr_un *addr, struct mr_error *err) {
  unlink(addr->sun_path);
  /* nobody can connect before listen, so the mode is right when it counts */
  if (bind(fd, (const struct sockaddr *)addr, sizeof *addr) || chmod(addr->sun_path, 0660) ||
      listen(fd, BACKLOG))
    return mr_error_set_sys(err, errno, "cannot make the control socket");
  return MR_OK;
}

int mr_wire_listen(const char *dir, const char *graph, struct mr_error *err) {
  struct sockaddr_un addr;
  int dir_fd, fd = name_socket(dir, graph, &addr, &dir_fd, err);
  if (fd) return fd;
  fd = new_socket(err);
  int rc = fd < 0 ? fd : listen_at(fd, &addr, err);
  if (rc && fd >= 0) close(fd);
  close(dir_fd);
  return rc ? rc : fd;
}

void mr_wire_unlink(const char *dir, const char *graph) {
  struct sockaddr_un addr;
  int dir_fd;
  if (name_socket(dir, graph, &addr, &dir_fd, NULL)) return;
  unlink(addr.sun_path);
  close(dir_fd);
}

int mr_wire_connect(const char *dir, const char *graph, struct mr_error *err) {
  struct sockaddr_un addr;
  int dir_fd, fd = name_socket(dir, graph, &addr, &dir_fd, err);
  if (fd) return fd;
  fd = new_socket(err);
  if (fd >= 0 && connect(fd, (const struct sockaddr *)&addr, sizeof addr)) {
    int saved = errno;
    close(fd);
    fd = mr_error_set_sys(err, saved, "cannot reach the control socket %s/%s.sock", dir, graph);
    if (saved == ENOENT || saved == ECONNREFUSED) fd = MR_ERR_NOENT;
    if (saved == EACCES || saved == EPERM) fd = MR_ERR_PERM;
    if (err) err->code = fd;
  }
  close(dir_fd);
  return fd;
}

/* ---- bytes ---- */

static bool wait_for(int fd, short events, int timeout_ms) {
  struct pollfd p = {.fd = fd, .events = events};
  int n;
  do n = poll(&p, 1, timeout_ms);
  while (n < 0 && errno == EINTR);
  return n > 0;
}

bool mr_wire_send(int fd, const char *bytes, size_t len) {
  while (len) {
    ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      bytes += n;
      len -= (size_t)n;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!wait_for(fd, POLLOUT, SEND_MS)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

/* Receives what is there into the buffer, which has room for one more byte and a NUL. */
static enum mr_wire_result receive(struct mr_wire *w, int timeout_ms) {
  if (w->from) {
    memmove(w->buf, w->buf + w->from, w->used - w->from);
    w->used -= w->from;
    w->from = 0;
  }
  if (w->used + 2 > w->cap) {
    if (w->used > MR_WIRE_LINE_MAX) return MR_WIRE_FAILED;
    size_t cap = w->cap ? w->cap * 4 : 4096;
    char *buf = mr_arena_alloc(w->arena, cap);
    if (w->used) memcpy(buf, w->buf, w->used);
    w->buf = buf;
    w->cap = cap;
  }
  if (!wait_for(w->fd, POLLIN, timeout_ms)) return MR_WIRE_WAIT;
  ssize_t n = recv(w->fd, w->buf + w->used, w->cap - 1 - w->used, 0);
  if (n < 0) return errno == EINTR ? MR_WIRE_LINE : MR_WIRE_FAILED;
  w->used += (size_t)n;
  return n ? MR_WIRE_LINE : MR_WIRE_END;
}

enum mr_wire_result mr_wire_line(struct mr_wire *wire, int timeout_ms, const char **line,
                                 size_t *len) {
  size_t scanned = wire->from;
  for (;;) {
    char *at = wire->buf ? wire->buf + scanned : NULL;
    char *end = at ? memchr(at, '\n', wire->used - scanned) : NULL;
    if (end) {
      *end = 0;
      *line = wire->buf + wire->from;
      *len = (size_t)(end - *line);
      wire->from = (size_t)(end + 1 - wire->buf);
      return MR_WIRE_LINE;
    }
    scanned = wire->used - wire->from; /* receive moves the rest to the front */
    enum mr_wire_result got = receive(wire, timeout_ms);
    if (got) return got;
  }
}

bool mr_wire_bytes(struct mr_wire *wire, int timeout_ms, char *to, size_t len) {
  size_t have = wire->used - wire->from, n = have < len ? have : len;
  if (n) memcpy(to, wire->buf + wire->from, n);
  wire->from += n;
  while (n < len) {
    if (!wait_for(wire->fd, POLLIN, timeout_ms)) return false;
    ssize_t got = recv(wire->fd, to + n, len - n, 0);
    if (got == 0 || (got < 0 && errno != EINTR)) return false;
    if (got > 0) n += (size_t)got;
  }
  return true;
}
