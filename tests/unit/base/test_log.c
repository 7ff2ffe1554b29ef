/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "base/log.h"
#include "base/text.h"

#define WALL_US 1760355060123000 /* 2025-10-13T11:31:00.123Z */

static const struct mr_log_event plain = {MR_LOG_WARN, "MR5004", "city", "decode",
                                          "3 rows \"lost\""};
static const struct mr_log_event bare = {MR_LOG_INFO, NULL, NULL, NULL, "started"};

static const char *format(char *buf, int sz, enum mr_log_format form,
                          const struct mr_log_event *event) {
  int len = mr_log_format_line(buf, sz, form, WALL_US, event);
  assert_true(len >= 0 && len < sz);
  assert_int_equal(strlen(buf), len);
  return buf;
}

MR_TEST(an_event_has_three_forms) {
  MR_UNUSED_STATE;
  char buf[512];
  assert_string_equal(format(buf, sizeof buf, MR_LOG_TEXT, &plain),
                      "2025-10-13T11:31:00.123Z warn  [MR5004] city/decode: 3 rows \"lost\"");
  assert_string_equal(format(buf, sizeof buf, MR_LOG_LOGFMT, &plain),
                      "ts=2025-10-13T11:31:00.123Z level=warn msg=\"3 rows \\\"lost\\\"\" "
                      "graph=city node=decode code=MR5004");
  assert_string_equal(format(buf, sizeof buf, MR_LOG_JSON, &plain),
                      "{\"ts\":\"2025-10-13T11:31:00.123Z\",\"level\":\"warn\",\"msg\":\"3 rows "
                      "\\\"lost\\\"\",\"graph\":\"city\",\"node\":\"decode\",\"code\":\"MR5004\"}");
  assert_string_equal(format(buf, sizeof buf, MR_LOG_TEXT, &bare),
                      "2025-10-13T11:31:00.123Z info  started");
  assert_string_equal(format(buf, sizeof buf, MR_LOG_LOGFMT, &bare),
                      "ts=2025-10-13T11:31:00.123Z level=info msg=\"started\"");
  assert_string_equal(
      format(buf, sizeof buf, MR_LOG_JSON, &bare),
      "{\"ts\":\"2025-10-13T11:31:00.123Z\",\"level\":\"info\",\"msg\":\"started\"}");
}

MR_TEST(an_event_is_always_one_line) {
  MR_UNUSED_STATE;
  char buf[512];
  struct mr_log_event event = {MR_LOG_ERROR, NULL, NULL, "a=b",
                               "one\ntwo\r\t\x01\x1b[31m\\ \xc3\xa9"};
  assert_string_equal(format(buf, sizeof buf, MR_LOG_TEXT, &event),
                      "2025-10-13T11:31:00.123Z error a=b: one\\ntwo\\r\\t\\u0001\\u001b[31m\\ "
                      "\xc3\xa9");
  assert_string_equal(format(buf, sizeof buf, MR_LOG_LOGFMT, &event),
                      "ts=2025-10-13T11:31:00.123Z level=error "
                      "msg=\"one\\ntwo\\r\\t\\u0001\\u001b[31m\\\\ \xc3\xa9\" node=\"a=b\"");
  event.msg = "not utf8: \xff\xc3";
  assert_non_null(
      strstr(format(buf, sizeof buf, MR_LOG_JSON, &event), "not utf8: \\u00ff\\u00c3\""));
}

MR_TEST(a_long_message_is_cut_and_the_rest_of_the_line_stays) {
  MR_UNUSED_STATE;
  char msg[3000], buf[256];
  for (int i = 0; i < 2998; i += 2) memcpy(msg + i, "\xc3\xa9", 2);
  msg[2998] = 0;
  struct mr_log_event event = {MR_LOG_INFO, "MR1", "g", "n", msg};
  for (int sz = 160; sz < 180; sz++) {
    format(buf, sz, MR_LOG_JSON, &event);
    assert_true(strlen(buf) >= (size_t)sz - 3);
    assert_true(mr_utf8_valid(buf, strlen(buf)));
    const char *tail = "\",\"graph\":\"g\",\"node\":\"n\",\"code\":\"MR1\"}";
    assert_string_equal(buf + strlen(buf) - strlen(tail), tail);
  }
}

MR_TEST(no_buffer_is_too_small) {
  MR_UNUSED_STATE;
  for (int sz = 1; sz < 200; sz++)
    for (int form = MR_LOG_TEXT; form <= MR_LOG_JSON; form++) {
      char *buf = malloc((size_t)sz); /* exact, for the address sanitizer */
      format(buf, sz, (enum mr_log_format)form, &plain);
      free(buf);
    }
}

struct seen {
  int cnt;
  enum mr_log_level level;
  char msg[4096], node[64], graph[64];
};

static void remember(void *ctx, const struct mr_log_event *event) {
  struct seen *seen = ctx;
  seen->cnt++;
  seen->level = event->level;
  snprintf(seen->msg, sizeof seen->msg, "%s", event->msg);
  snprintf(seen->node, sizeof seen->node, "%s", event->node ? event->node : "(none)");
  snprintf(seen->graph, sizeof seen->graph, "%s", event->graph ? event->graph : "(none)");
}

MR_TEST(the_host_gets_finished_events) {
  MR_UNUSED_STATE;
  struct seen seen = {0};
  struct mr_log log = {remember, &seen, "city"};
  mr_log_write(&log, MR_LOG_WARN, "MR5004", "decode", "%d of %s", 3, "four");
  assert_int_equal(seen.cnt, 1);
  assert_int_equal(seen.level, MR_LOG_WARN);
  assert_string_equal(seen.msg, "3 of four");
  assert_string_equal(seen.node, "decode");
  assert_string_equal(seen.graph, "city");
  mr_log_write(&log, MR_LOG_INFO, NULL, NULL, "%*d", 100000, 1); /* cut, not overrun */
  assert_int_equal(seen.cnt, 2);
  assert_string_equal(seen.node, "(none)");
}

MR_TEST(a_log_without_function_is_silent) {
  MR_UNUSED_STATE;
  struct mr_log log = {0};
  mr_log_write(&log, MR_LOG_ERROR, NULL, NULL, "nobody");
  mr_log_write(NULL, MR_LOG_ERROR, NULL, NULL, "nobody");
}

static const struct CMUnitTest cases[] = {
    MR_CASE(an_event_has_three_forms),
    MR_CASE(an_event_is_always_one_line),
    MR_CASE(a_long_message_is_cut_and_the_rest_of_the_line_stays),
    MR_CASE(no_buffer_is_too_small),
    MR_CASE(the_host_gets_finished_events),
    MR_CASE(a_log_without_function_is_silent),
};
MR_MAIN(cases)
