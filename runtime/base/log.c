/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define MSG_SZ  2048
#define TAIL_SZ 640 /* graph, node and code behind the message */

void mr_log_write(const struct mr_log *log, enum mr_log_level level, const char *code,
                  const char *node, const char *fmt, ...) {
  if (!log || !log->fn) return;
  char msg[MSG_SZ];
  va_list args;
  va_start(args, fmt);
  int len = vsnprintf(msg, sizeof msg, fmt, args);
  va_end(args);
  if (len < 0) msg[0] = 0;
  struct mr_log_event event = {level, code, log->graph, node, msg};
  log->fn(log->ctx, &event);
}

/* A line that stops growing when it is full; whole pieces or nothing. */
struct line {
  char *buf;
  size_t room, len;
};

static bool put(struct line *line, const char *s, size_t len) {
  if (len > line->room - line->len) return false;
  memcpy(line->buf + line->len, s, len);
  line->len += len;
  return true;
}

static bool put_text(struct line *line, const char *s) {
  return put(line, s, strlen(s));
}

/* One byte of text in quotes, or on a plain line (quotes false): what would break the line is
 * escaped. */
static bool put_escaped(struct line *line, unsigned char c, bool quotes, bool raw_high) {
  static const char hex[] = "0123456789abcdef";
  char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
  if (c == '\n' || c == '\r' || c == '\t') {
    escape[1] = c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
    return put(line, escape, 2);
  }
  if (quotes && (c == '"' || c == '\\')) {
    escape[1] = (char)c;
    return put(line, escape, 2);
  }
  if (c < 0x20 || c == 0x7f || (c >= 0x80 && !raw_high)) return put(line, escape, sizeof escape);
  return put(line, (const char *)&c, 1);
}

/* All of s, or as much as fits; a code point is never cut. Text that is not UTF-8 is escaped byte
 * by byte. */
static bool put_value(struct line *line, const char *s, bool quotes) {
  size_t len = strlen(s);
  bool utf8 = mr_utf8_valid(s, len);
  for (size_t i = 0; i < len;) {
    size_t n = 1;
    if (utf8 && (unsigned char)s[i] >= 0x80) {
      while (((unsigned char)s[i + n] & 0xc0) == 0x80) n++;
      if (!put(line, s + i, n)) return false;
    } else if (!put_escaped(line, (unsigned char)s[i], quotes, utf8)) {
      return false;
    }
    i += n;
  }
  return true;
}

/* A logfmt value stands bare when nothing in it needs quotes. */
static bool put_logfmt(struct line *line, const char *s) {
  bool bare = *s && mr_utf8_valid(s, strlen(s));
  for (const char *p = s; *p; p++)
    if ((unsigned char)*p <= ' ' || *p == '"' || *p == '=' || *p == '\\' || *p == 0x7f)
      bare = false;
  if (bare) return put_value(line, s, false);
  return put_text(line, "\"") && put_value(line, s, true) && put_text(line, "\"");
}

/* key and value; nothing at all when they do not fit. */
static void put_pair(struct line *line, enum mr_log_format format, const char *key,
                     const char *value) {
  if (!value) return;
  size_t before = line->len;
  bool fits;
  if (format == MR_LOG_JSON)
    fits = put_text(line, ",\"") && put_text(line, key) && put_text(line, "\":\"") &&
           put_value(line, value, true) && put_text(line, "\"");
  else
    fits = put_text(line, " ") && put_text(line, key) && put_text(line, "=") &&
           put_logfmt(line, value);
  if (!fits) line->len = before;
}

static void put_tail(struct line *line, enum mr_log_format format,
                     const struct mr_log_event *event) {
  put_pair(line, format, "graph", event->graph);
  put_pair(line, format, "node", event->node);
  put_pair(line, format, "code", event->code);
}

/* 2025-10-13T11:31:00Z warn  [MR5004] city/decode: message */
static void put_plain(struct line *line, const char *ts, const char *level,
                      const struct mr_log_event *event) {
  static const char blanks[] = "     ";
  (void)(put_text(line, ts) && put_text(line, " ") && put_text(line, level) &&
         put_text(line, blanks + strlen(level) - 1));
  if (event->code)
    (void)(put_text(line, "[") && put_value(line, event->code, false) && put_text(line, "] "));
  if (event->graph) (void)put_value(line, event->graph, false);
  if (event->node)
    (void)(put_text(line, event->graph ? "/" : "") && put_value(line, event->node, false));
  if (event->graph || event->node) (void)put_text(line, ": ");
  (void)put_value(line, event->msg, false);
}

int mr_log_format_line(char *buf, int sz, enum mr_log_format format, int64_t wall_us,
                       const struct mr_log_event *event) {
  static const char *const levels[] = {"debug", "info", "warn", "error"};
  if (sz <= 0) return 0;
  struct line line = {buf, (size_t)sz - 1, 0};
  char ts[MR_TEXT_TIMESTAMP_SZ + 1];
  ts[mr_timestamp_format(ts, wall_us)] = 0;
  const char *level = levels[event->level];
  bool json = format == MR_LOG_JSON;
  if (format == MR_LOG_TEXT) {
    put_plain(&line, ts, level, event);
  } else {
    /* The message is last to get room, so that a long one costs no other key and no closing quote.
     */
    char tail_buf[TAIL_SZ];
    struct line tail = {tail_buf, sizeof tail_buf, 0};
    put_tail(&tail, format, event);
    (void)(put_text(&line, json ? "{\"ts\":\"" : "ts=") && put_text(&line, ts) &&
           put_text(&line, json ? "\",\"level\":\"" : " level=") && put_text(&line, level) &&
           put_text(&line, json ? "\",\"msg\":\"" : " msg=\""));
    size_t kept = tail.len + (json ? 2 : 1), room = line.room;
    if (line.len + kept <= room) {
      line.room = room - kept;
      (void)put_value(&line, event->msg, true);
      line.room = room;
    }
    (void)(put_text(&line, "\"") && put(&line, tail.buf, tail.len) &&
           put_text(&line, json ? "}" : ""));
  }
  buf[line.len] = 0;
  return (int)line.len;
}
