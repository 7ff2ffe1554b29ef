/* SPDX-License-Identifier: Apache-2.0 */
/* top: the live table of a running graph; of a crashed one the table since its start. */
#include "attach/top.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cmd.h"
#include "load.h"
#include "observe.h"

struct top {
  struct mr_observe obs;
  struct mr_top_conf conf;
  uint64_t interval_ns;
  bool once, screen, keys;
  bool typing, paused;
  char filter[64]; /* conf.filter */
  struct termios saved;
};

static volatile sig_atomic_t stop_asked;

static void ask_stop(int sig) {
  (void)sig;
  stop_asked = 1;
}

/* ---- the terminal ---- */

static void screen_open(struct top *top) {
  struct sigaction action = {.sa_handler = ask_stop};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGHUP, &action, NULL);
  struct termios raw;
  top->keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &top->saved) == 0;
  if (top->keys) {
    raw = top->saved;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  fputs("\033[?1049h\033[?25l", stdout); /* the other screen, no cursor */
}

static void screen_close(struct top *top) {
  fputs("\033[?25h\033[?1049l", stdout);
  fflush(stdout);
  if (top->keys) tcsetattr(STDIN_FILENO, TCSANOW, &top->saved);
}

/* Lays the text on the screen, cut to its width and height; the last line tells the keys. */
static bool screen_show(const struct top *top, const struct mr_lines *text,
                        struct mr_arena *arena) {
  struct winsize size = {0};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col || !size.ws_row) {
    size.ws_col = 80;
    size.ws_row = 24;
  }
  struct mr_lines out = {.arena = arena};
  mr_lines_add(&out, "\033[H");
  const char *at = text->text;
  for (int row = 1; *at && row < size.ws_row; row++) {
    size_t len = strcspn(at, "\n"), shown = len < size.ws_col ? len : size.ws_col;
    while (shown && shown < len && ((unsigned char)at[shown] & 0xc0) == 0x80) shown--;
    mr_lines_add(&out, "%.*s\033[K\r\n", (int)shown, at);
    at += len + (at[len] == '\n');
  }
  if (top->typing)
    mr_lines_add(&out, "filter: %s_", top->filter);
  else if (top->keys)
    mr_lines_add(&out, "[s]ort [/]filter [e]dges [l]atency [p]ause [q]uit%s%s%s",
                 top->filter[0] ? "  /" : "", top->filter, top->paused ? "  (paused)" : "");
  mr_lines_add(&out, "\033[K\033[J");
  return mr_observe_print(&out);
}

/* ---- the loop ---- */

static bool draw(struct top *top) {
  struct mr_arena arena = {0};
  struct mr_lines out = {.arena = &arena};
  mr_top_draw(&out, &top->obs.now, mr_observe_part(&top->obs), &top->conf);
  if (!top->screen && !top->once) mr_lines_add(&out, "\n");
  bool shown = top->screen ? screen_show(top, &out, &arena) : mr_observe_print(&out);
  mr_arena_free(&arena);
  return shown;
}

/* A key while the filter is being typed: Enter ends it, Escape takes it away. */
static void type_filter(struct top *top, int key) {
  size_t len = strlen(top->filter);
  if (key == '\r' || key == '\n') {
    top->typing = false;
  } else if (key == 27) {
    top->typing = false;
    top->filter[0] = 0;
  } else if (key == 8 || key == 127) {
    if (len) top->filter[len - 1] = 0;
  } else if (key > ' ' && key < 127 && len + 1 < sizeof top->filter) {
    top->filter[len] = (char)key;
    top->filter[len + 1] = 0;
  }
}

/* Waits for the next interval; false: stop. */
static bool wait_for_next(struct top *top) {
  uint64_t until = mr_process_mono_ns() + top->interval_ns;
  while (!stop_asked && mr_process_mono_ns() < until) {
    int key = mr_observe_wait(until, top->keys);
    if (key >= 0 && top->typing) {
      type_filter(top, key);
      if (!draw(top)) return false;
      continue;
    }
    switch (key) {
    case 'q':
    case 'Q':
    case 3: return false;
    case 's': top->conf.sort = (top->conf.sort + 1) % MR_TOP_SORT_CNT; break;
    case 'e': top->conf.no_links = !top->conf.no_links; break;
    case 'l': top->conf.no_paths = !top->conf.no_paths; break;
    case 'p': top->paused = !top->paused; break;
    case '/':
      top->typing = true;
      top->filter[0] = 0;
      break;
    default: continue;
    }
    if (!draw(top)) return false;
  }
  return !stop_asked;
}

static int watch(struct top *top) {
  int rc = MR_EXIT_OK;
  if (!mr_observe_live(&top->obs)) top->once = true; /* nothing will change */
  if (top->once && mr_observe_live(&top->obs)) {
    if (wait_for_next(top)) rc = mr_observe_next(&top->obs, "top");
  }
  if (top->once) {
    if (!rc) draw(top);
    return rc;
  }
  top->screen = isatty(STDOUT_FILENO);
  if (top->screen) screen_open(top);
  bool more = draw(top);
  while (more && mr_observe_live(&top->obs) && wait_for_next(top)) {
    if (top->paused) continue;
    rc = mr_observe_next(&top->obs, "top");
    more = !rc && draw(top);
  }
  if (!top->screen) return rc;
  screen_close(top);
  top->screen = false;
  top->once = true;
  if (!rc && more && !mr_observe_live(&top->obs)) draw(top); /* it ended: its last table stays */
  return rc;
}

static int take_sort(struct top *top, const char *value) {
  for (int i = 0; i < MR_TOP_SORT_CNT; i++) {
    if (strcmp(value, mr_top_sort_str((enum mr_top_sort)i)) != 0) continue;
    top->conf.sort = (enum mr_top_sort)i;
    return MR_EXIT_OK;
  }
  return mr_cmd_usage("top", "--sort is graph, busy, rate or name, not \"%s\"", value);
}

static int run_top(int argc, char **argv) {
  struct mr_args args = {.argc = argc, .argv = argv};
  struct top top = {.interval_ns = 1000000000};
  const char *name = NULL, *value;
  while (mr_args_next(&args)) {
    if (!args.flag && !name) {
      name = args.value;
    } else if (!args.flag) {
      return mr_cmd_usage("top", "one graph at a time");
    } else if (!strcmp(args.flag, "--once")) {
      top.once = true;
    } else if (!strcmp(args.flag, "--no-edges")) {
      top.conf.no_links = true;
    } else if (!strcmp(args.flag, "--no-latency")) {
      top.conf.no_paths = true;
    } else if (!strcmp(args.flag, "--filter")) {
      value = mr_args_value(&args, "top");
      if (!value) return MR_EXIT_USAGE;
      snprintf(top.filter, sizeof top.filter, "%s", value);
    } else if (!strcmp(args.flag, "--interval")) {
      value = mr_args_value(&args, "top");
      if (!value || !(top.interval_ns = mr_observe_interval("top", "--interval", value)))
        return MR_EXIT_USAGE;
    } else if (!strcmp(args.flag, "--sort")) {
      value = mr_args_value(&args, "top");
      if (!value || take_sort(&top, value)) return MR_EXIT_USAGE;
    } else {
      return mr_cmd_usage("top", "unknown flag %s", args.flag);
    }
  }
  if (!name) return mr_cmd_usage("top", "which graph? Give its name or pid");
  top.conf.filter = top.filter;
  int rc = mr_observe_open(&top.obs, "top", name);
  if (rc) return rc;
  rc = watch(&top);
  mr_observe_close(&top.obs);
  return rc;
}

const struct mr_cmd mr_cmd_top = {
    "top",
    "[--once] [--interval SEC] [--sort KEY] [--filter TEXT] [--no-edges] [--no-latency] "
    "GRAPH|PID",
    "shows who works, who waits, and where back-pressure starts",
    "  --once          one table over one interval, then end\n"
    "  --interval SEC  seconds, or a duration (default 1)\n"
    "  --sort KEY      graph (default), busy, rate, name; key s\n"
    "  --filter TEXT   only nodes with this in their name; key /, Enter ends, Escape shows all\n"
    "  --no-edges      leave the links out; key e\n"
    "  --no-latency    leave the paths out; key l\n\n"
    "On a terminal the screen is refreshed until q or the end of the graph, p pauses; otherwise "
    "tables "
    "follow each other.\n"
    "busy% + blk% + idle% = 100. The graph does not notice that it is looked at.\n",
    run_top};
