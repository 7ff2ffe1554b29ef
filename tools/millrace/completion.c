/* SPDX-License-Identifier: Apache-2.0 */
/* completion: a script for a shell that completes verbs, flags, graphs and their nodes. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"

/* Calls fn for each --flag that a verb's texts name, once. */
static void each_flag(const struct mr_cmd *cmd, void (*fn)(const char *flag, int len)) {
  const char *texts[] = {cmd->usage, cmd->more};
  const char *seen[64];
  int lens[64], cnt = 0;
  for (int i = 0; i < 2; i++)
    for (const char *p = texts[i]; p && (p = strstr(p, "--"));) {
      int len = 2;
      while ((p[len] >= 'a' && p[len] <= 'z') || p[len] == '-') len++;
      bool is_new = len > 2 && cnt < 64;
      for (int k = 0; k < cnt; k++) is_new &= lens[k] != len || strncmp(seen[k], p, (size_t)len);
      if (is_new) {
        seen[cnt] = p;
        lens[cnt++] = len;
        fn(p, len);
      }
      p += len;
    }
}

static void put_flag(const char *flag, int len) {
  printf(" %.*s", len, flag);
}

/* Names of graphs that run, and of a graph's nodes, by the program itself. */
static const char helpers[] =
    "_millrace_graphs() { millrace ps --json 2>/dev/null |\n"
    "  sed -n 's/.*\"graph\":\"\\([^\"]*\\)\".*/\\1/p'; }\n"
    "_millrace_nodes() { millrace stat \"$1\" --json 2>/dev/null | tr '{' '\\n' |\n"
    "  sed -n 's/^\"name\":\"\\([^\"]*\\)\",\"instance\".*/\\1/p' | sort -u; }\n";

static void print_verbs_words(void) {
  for (const struct mr_cmd *const *cmd = mr_cmds; *cmd; cmd++) printf(" %s", (*cmd)->name);
}

static void print_bash(void) {
  fputs("# bash completion for millrace\n", stdout);
  fputs(helpers, stdout);
  fputs("_millrace() {\n"
        "  local cur=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} flags=\n"
        "  COMPREPLY=()\n"
        "  if [ \"$COMP_CWORD\" = 1 ]; then\n"
        "    COMPREPLY=($(compgen -W \"",
        stdout);
  print_verbs_words();
  fputs("\" -- \"$cur\"))\n    return\n  fi\n  case $verb in\n", stdout);
  for (const struct mr_cmd *const *cmd = mr_cmds; *cmd; cmd++) {
    printf("  %s) flags=\"", (*cmd)->name);
    each_flag(*cmd, put_flag);
    fputs("\" ;;\n", stdout);
  }
  fputs("  esac\n"
        "  case $cur in\n"
        "  -*) COMPREPLY=($(compgen -W \"$flags\" -- \"$cur\")); return ;;\n"
        "  esac\n"
        "  case $verb in\n"
        "  why | tap | lat)\n"
        "    if [ \"$COMP_CWORD\" -gt 2 ]; then\n"
        "      COMPREPLY=($(compgen -W \"$(_millrace_nodes \"${COMP_WORDS[2]}\")\" -- \"$cur\"))\n"
        "    else\n"
        "      COMPREPLY=($(compgen -W \"$(_millrace_graphs)\" -- \"$cur\"))\n"
        "    fi ;;\n"
        "  stat | top | lag | metrics | drain | snapshot | mem)\n"
        "    COMPREPLY=($(compgen -W \"$(_millrace_graphs)\" -- \"$cur\")) ;;\n"
        "  help) COMPREPLY=($(compgen -W \"",
        stdout);
  print_verbs_words();
  fputs(" functions\" -- \"$cur\")) ;;\n"
        "  esac\n"
        "  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$cur\"))\n"
        "}\n"
        "complete -o filenames -F _millrace millrace\n",
        stdout);
}

/* A text between single quotes of a shell: a quote in it ends and begins them anew. */
static void print_quoted(const char *text) {
  for (; *text; text++)
    if (*text == '\'')
      fputs("'\\''", stdout);
    else
      putchar(*text);
}

static void print_zsh(void) {
  fputs("#compdef millrace\n", stdout);
  fputs(helpers, stdout);
  fputs("_millrace() {\n  local -a verbs flags\n  verbs=(\n", stdout);
  for (const struct mr_cmd *const *cmd = mr_cmds; *cmd; cmd++) {
    printf("    '%s:", (*cmd)->name);
    print_quoted((*cmd)->help);
    fputs("'\n", stdout);
  }
  fputs("  )\n  if (( CURRENT == 2 )); then\n    _describe verb verbs\n    return\n  fi\n"
        "  case $words[2] in\n",
        stdout);
  for (const struct mr_cmd *const *cmd = mr_cmds; *cmd; cmd++) {
    printf("  %s) flags=(", (*cmd)->name);
    each_flag(*cmd, put_flag);
    fputs(") ;;\n", stdout);
  }
  fputs("  esac\n"
        "  if [[ $words[CURRENT] == -* ]]; then\n"
        "    compadd -- $flags\n"
        "    return\n"
        "  fi\n"
        "  case $words[2] in\n"
        "  why|tap|lat)\n"
        "    if (( CURRENT > 3 )); then compadd -- $(_millrace_nodes $words[3]); else compadd -- "
        "$(_millrace_graphs); fi ;;\n"
        "  stat|top|lag|metrics|drain|snapshot|mem) compadd -- $(_millrace_graphs) ;;\n"
        "  esac\n"
        "  _files\n"
        "}\n"
        "_millrace \"$@\"\n",
        stdout);
}

static const char *fish_verb;

static void put_fish_flag(const char *flag, int len) {
  printf("complete -c millrace -n '__fish_seen_subcommand_from %s' -l %.*s\n", fish_verb, len - 2,
         flag + 2);
}

static void print_fish(void) {
  fputs("# fish completion for millrace\n"
        "function __millrace_graphs\n"
        "  millrace ps --json 2>/dev/null | string replace -rf "
        "'.*\"graph\":\"([^\"]*)\".*' '$1'\n"
        "end\n",
        stdout);
  for (const struct mr_cmd *const *cmd = mr_cmds; *cmd; cmd++) {
    printf("complete -c millrace -f -n __fish_use_subcommand -a %s -d '", (*cmd)->name);
    for (const char *p = (*cmd)->help; *p; p++) {
      if (*p == '\'' || *p == '\\') putchar('\\');
      putchar(*p);
    }
    fputs("'\n", stdout);
    fish_verb = (*cmd)->name;
    each_flag(*cmd, put_fish_flag);
  }
  fputs("complete -c millrace -f -n '__fish_seen_subcommand_from stat top lat lag why tap metrics "
        "drain snapshot mem' -a '(__millrace_graphs)'\n",
        stdout);
}

static int run_completion(int argc, char **argv) {
  const char *shell = argc == 2 ? argv[1] : "";
  if (!strcmp(shell, "bash"))
    print_bash();
  else if (!strcmp(shell, "zsh"))
    print_zsh();
  else if (!strcmp(shell, "fish"))
    print_fish();
  else
    return mr_cmd_usage("completion", "which shell: bash, zsh or fish?");
  return MR_EXIT_OK;
}

const struct mr_cmd mr_cmd_completion = {
    "completion", "bash|zsh|fish", "prints a script that completes the command line",
    "It completes verbs, flags, names of running graphs, and the nodes of a graph.\n"
    "  . <(millrace completion bash)\n",
    run_completion};
