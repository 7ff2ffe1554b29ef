/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "explain.h"

/* A page is one row. */
/* clang-format off */
const struct mr_explain mr_explains[] = {
  /* 1xxx: the graph file as a text and as a tree of options */
  {1001, NULL, "The file does not exist, is not a regular file, or may not be read by this user.",
   "Check the path: it is relative to the current directory. `ls -l` shows who may read it."},
  {1002, NULL, "A map has a key that means nothing there. Often it is misspelt, or stands one "
   "level too high or too low.",
   "Take the name that the message suggests. `millrace list TYPE` shows the options of a node "
   "type."},
  {1003, NULL, "The value is of another kind than the option takes: a map where a duration is "
   "due, text where a number is.",
   "Write the value as the message's example shows. Durations are written 25s, sizes 128MiB, "
   "rates 50k/s, shares 5%."},
  {1004, NULL, "The value is of the right kind and beyond what is possible.",
   "Choose a value between the limits that the message names."},
  {1005, NULL, "The node or section cannot do without this option. It is reported at the node's "
   "name.",
   "Add the key; `millrace list TYPE` shows an example."},
  {1006, NULL, "The option, word or type is part of the language and this version does not have "
   "it.",
   "Leave it out, or use a version that has it. `millrace list` shows what is built in."},
  {1007, NULL, "The option takes one of a few words, and this is none of them.",
   "Take one of the words that the message lists."},
  {1008, NULL, "Graphs, nodes and columns are named [A-Za-z_][A-Za-z0-9_]*, at most 63 bytes.",
   "Choose a name of letters, digits and underscores that does not begin with a digit."},
  {1009, NULL, "Two keys exclude each other, or one needs another that is not there.",
   "Leave one of them out, or say the same in both."},
  {1010, NULL, "The text is not YAML: an indentation that does not fit, a bracket or quote that "
   "is not closed.",
   "Look at the line and at the one before it."},
  {1011, NULL, "Two entries of one map have the same key. YAML readers differ in which one wins, "
   "so neither does.",
   "Remove one, or rename it."},
  {1012, NULL, "A value carries a YAML tag (!...). Types are decided by the option, not by the "
   "file.",
   "Remove the tag; quote a text that begins with an exclamation mark."},
  {1013, NULL, "A key is a number, a bool, null or empty. Keys are names.",
   "Quote it if it is meant as text: \"1\": ..."},
  {1014, NULL, "The merge key << copies one map into another, which hides where a value comes "
   "from.",
   "Write the keys out, or use an alias for the whole map."},
  {1015, NULL, "YAML does not allow tabs as indentation.",
   "Indent with blanks."},
  {1016, NULL, "An unquoted value has a brace or bracket in it, which YAML takes for the start "
   "of a map or list.",
   "Put the value in quotes: \"/api/v1/events/{city}\""},
  {1017, NULL, "The file has a second document behind a line of three dashes.",
   "One graph per file: split it."},
  {1018, NULL, "The file has bytes that are not UTF-8.",
   "Save it as UTF-8; the position is that of the first wrong byte."},
  {1019, NULL, "The file has a byte of value 0: it is not a text.",
   "Check that this is the right file."},
  {1020, NULL, "An alias (*name) stands before its anchor (&name), or inside it.",
   "Put the anchor first."},
  {1021, NULL, "The file, with its aliases written out, has more values than a graph file may "
   "have. Nested aliases grow without end.",
   "Use fewer aliases."},
  {1022, NULL, "Maps and lists are nested deeper than any graph needs.",
   "Check the brackets."},
  {1023, NULL, "The file is larger than a graph file may be.",
   "Put tables of data into a file of their own, and read it with `enrich`."},
  {1024, NULL, "The file is empty, or has comments only.",
   "A graph needs `millrace: 1`, `graph:`, `sources:` and `sinks:`."},
  {1025, NULL, "${NAME} names a variable of the environment that is not set, and gives no default.",
   "Set it, or write ${NAME:-default}. `validate --no-env` checks without the environment."},
  {1026, NULL, "Something behind a $ is no reference: ${NAME}, ${NAME:-default}, "
   "${NAME:?message}, ${file:/path}, ${cred:name}.",
   "Write $$ for a dollar sign."},
  {1027, NULL, "A --set argument names a path that is not there, or goes through a value that is "
   "no map.",
   "Write it as section.name.option=value, for instance sources.in.rate=10k/s."},
  {1028, NULL, "A text is longer than the option takes.",
   "Shorten it."},
  {1029, NULL, "${file:PATH} or ${cred:NAME} names a file that cannot be read, is larger than "
   "64 KiB or no text.",
   "The label says why. ${cred:NAME} is $CREDENTIALS_DIRECTORY/NAME, which systemd makes for "
   "LoadCredential=."},

  /* 2xxx: expressions */
  {2001, NULL, "The expression is not SQL as PostgreSQL's grammar knows it.",
   "Look at the marked place: often a quote or parenthesis is missing. Text stands in single "
   "quotes."},
  {2002, NULL, "The expression names a column that the node's input does not have.",
   "`millrace show types GRAPH.yaml` prints the columns of every edge. Text needs single quotes: "
   "city = 'NYC'."},
  {2003, NULL, "There is no function of this name.",
   "`millrace help functions` lists them; they are named as in Spark SQL."},
  {2004, NULL, "The function takes another number of arguments.",
   "`millrace help functions NAME` shows how it is called."},
  {2005, NULL, "An argument is of a type that the function does not take.",
   "Cast it: cast(x AS double)."},
  {2006, NULL, "The grammar knows this form of SQL; expressions of graph files do not have it.",
   "Say it with functions, CASE, or another step."},
  {2007, NULL, "The two sides are of types that have no order in common, such as text and a "
   "number.",
   "Compare with a constant of the column's type, or cast one side. The message shows where the "
   "types come from."},
  {2008, NULL, "The expression is longer than 64 KiB or has more than 4,096 words, or is nested "
   "too deeply.",
   "Split it into several columns with `map`, or use a table with `enrich`."},
  {2009, NULL, "A constant has the form of a number, time or duration, and no such value exists.",
   "Times are written 2025-10-13T11:30:00Z, durations INTERVAL '1h'."},
  {2010, NULL, "The option needs an expression of another type: a condition must be true or false.",
   "Write a comparison, or cast the result."},
  {2011, NULL, "An aggregate such as count or sum stands where each row has its own value, or "
   "inside another aggregate.",
   "Aggregates belong into `select` of `window` and `group`."},
  {2012, NULL, "A group has one value per key, and this column may have many in it.",
   "Make it a key, or say which value is meant: first(x), max(x), collect_list(x)."},
  {2013, NULL, "There is no cast between these two types.",
   "Go by text or by a number of microseconds, or use a function."},
  {2014, NULL, "The expression has bytes that are no UTF-8, or a byte of value 0.",
   "Save the file as UTF-8."},
  {2015, NULL, "The word has a meaning in SQL, so the grammar cannot take it for a column.",
   "Put the column in double quotes: \"user\", \"end\", \"window\"."},
  {2016, NULL, "A part of the expression has no column in it and is an error whatever the row: 1 "
   "/ 0.",
   "Change the constant part."},
  {2017, NULL, "The column has a list of possible values (one_of), and the constant is not in "
   "it, so the comparison is never true.",
   "Check the spelling; `show types` prints the values."},
  {2018, NULL, "The branches of a CASE, or the arguments of COALESCE or IN, have types without a "
   "common one.",
   "Cast them to one type."},
  {2019, NULL, "Several streams of a JOIN have a column of that name, so a name alone does not say "
   "which is meant.",
   "Write it with its stream, as in orders.id, or give the streams short names: FROM orders o."},
  {2020, NULL, "A stream has no end, and the query would have to keep all of its rows: a JOIN "
   "without a bound on time, DISTINCT without `within`.",
   "Give a bound: JOIN ... ON a.key = b.key AND b.ts BETWEEN a.ts - INTERVAL '5 minutes' AND a.ts, "
   "GROUP BY tumble(...), or the option that the message names."},

  /* 3xxx: rows */
  {3000, NULL, "Rows of the named node were in error. The log says it once, then a count every "
   "ten seconds.",
   "`millrace dlq show GRAPH` shows them; each has a code of its own."},
  {3001, "the line is too long", "A line is longer than max_line of its source; the dead letter "
   "holds its first 4 KiB.",
   "Raise max_line, or find out why the line does not end."},
  {3002, "the line is not valid UTF-8", "The line has bytes that are no UTF-8; the dead letter "
   "holds them as base64.",
   "Convert the input, or repair its producer."},
  {3003, "the line is malformed", "The line is not one well-formed record of its format: JSON "
   "that does not end, a quote that is not closed, a cell too many.",
   "`raw` of the dead letter is the line."},
  {3004, "the line is nested too deeply", "A JSON line is nested deeper than 64 levels.",
   "Flatten the record at its producer."},
  {3005, "a field is missing", "A declared field is not in the record, or is null, and is "
   "neither optional nor has a default.",
   "Declare it optional: true, or give it a default:."},
  {3006, "a value has another type", "A value is of another type than its field declares: a text "
   "for a number.",
   "Change the field's type, or the producer."},
  {3007, "a value is impossible", "The value has the right type and cannot be: a number beyond "
   "64 bits, the 30th of February.",
   "`cause` of the dead letter names the field."},
  {3008, "a value is not in the list", "The field has a list of values (one_of) and this is none "
   "of them.",
   "Add it to the list, or say other: keep."},
  {3009, "a row has no event time", "The field that is the event time is null.",
   "Say missing_time: keep to let such rows pass; they enter no window."},
  {3010, "a row is too large", "The strings and lists of one row do not fit into an empty batch.",
   "Declare fewer columns, or lower max_line so that such rows are seen for what they are."},
  {3011, "the header of a CSV input does not fit",
   "The first row of a CSV input does not name what the event needs, or names a column twice.",
   "Repair the header, name the columns by from:, or say csv: {header: false}."},
  {3021, NULL, "A sum, difference or product of whole numbers does not fit into 64 bits. It is "
   "an error, it does not wrap around.",
   "Cast to double where the exact number does not matter."},
  {3022, NULL, "A division or remainder by zero.",
   "Guard it: CASE WHEN b <> 0 THEN a / b END, or a / nullif(b, 0)."},
  {3023, NULL, "A text is not what it is cast to.",
   "try_cast(x, 'int64') gives NULL instead."},
  {3024, NULL, "The value lies outside what the type or function can hold.",
   "Check the value before, with CASE."},
  {3025, NULL, "The texts that one expression made for one batch of rows take more memory than "
   "there is for them.",
   "Make shorter texts, or lower the number of rows that reach the step."},
  {3026, NULL, "A LIKE pattern that comes from a column ends with its escape character.",
   "Repair the pattern; a backslash needs another one before it."},

  /* 4xxx: the graph */
  {4001, NULL, "A step reads, over others, its own output. Rows would run in circles.",
   "Cut the circle; `millrace graph` draws it."},
  {4002, NULL, "`from` names a node, or an output of a node, that is not there.",
   "Check the spelling. Outputs are written NODE.late, NODE.errors."},
  {4003, NULL, "Two sinks hang on one node and both block when they cannot keep up, so one slow "
   "sink stops the other.",
   "Give the one that may lose rows `full: drop_oldest`, or accept it."},
  {4004, NULL, "Two nodes have one name; names are unique over sources, steps and sinks.",
   "Rename one."},
  {4005, NULL, "Nothing leaves the graph.",
   "Add a sink; `null` counts rows and forgets them."},
  {4006, NULL, "No node reads this step, so its work is for nothing.",
   "Remove it, or read it."},
  {4007, NULL, "A node reads several inputs, and their columns differ in name, type or order.",
   "Make them equal with `map: {select: ...}` before."},
  {4008, NULL, "The node cannot run where it is asked to: a CPU that this process may not use, "
   "more workers than it can have.",
   "`millrace doctor` shows which CPUs there are."},
  {4009, NULL, "The graph has more nodes, instances or links than one process can carry.",
   "Split it, or lower `workers`."},
  {4010, NULL, "`type` names no node type of this section.",
   "`millrace list` shows all of them."},
  {4011, NULL, "An option names a column that the node's input does not have.",
   "`millrace show types GRAPH.yaml` prints the columns of every edge."},
  {4012, NULL, "The source has no declared event, so columns get their type from their use, and "
   "this one is used as two types.",
   "Declare the event under `events:`, or cast one of the uses."},
  {4013, NULL, "An input file does not exist.",
   "Check the path; `validate --no-inputs` checks the graph without its inputs, `follow: true` "
   "waits for the file."},
  {4014, NULL, "A field or event is declared in a way that cannot be.",
   "The message says what is wrong and what is possible."},
  {4015, NULL, "The table of an `enrich` step cannot be read, or two of its rows have one key.",
   "The message names the row."},
  {4016, NULL, "The graph takes checkpoints, and a source of it cannot read anything twice. A "
   "restart goes on with what comes next: rows that were on their way when the process died are "
   "missing.",
   "Have the rows written to a file or topic first, and read them from there."},

  /* 5xxx: the machine */
  {5001, "no folder for the stats segment", "No folder can be written in which tools look for "
   "running graphs, so none of them can see this one. It runs all the same.",
   "Set MILLRACE_RUN_DIR to a folder that you may write, best on a tmpfs."},
  {5002, "workers are not pinned", "The system does not allow a thread to be bound to the CPU "
   "that the plan chose. Latencies will vary more.",
   "Run it with the CPUs that it names in its affinity mask, or name others in `cpus:`."},
  {5003, "the stats segment is on a disk", "Stats pages that lie on a disk's file system fault "
   "after each write-back, which workers feel as small stalls.",
   "Set MILLRACE_RUN_DIR to a folder on a tmpfs, such as /run or /dev/shm."},
  {5005, "no control socket", "The socket that changes go through could not be made, so this run "
   "can be watched and not steered.",
   "The line says why; most often the folder of MILLRACE_RUN_DIR is too deep for a socket's path."},
  {5006, "reload is not available", "A HUP asks for the graph file to be read again while the "
   "graph runs. This release cannot do that: it goes on with what it was started with.",
   "Drain it with `millrace drain NAME` and start it again."},
  {5007, "the log file cannot be opened", "USR1 asks for the file of `--log-file` to be opened "
   "again, as log rotation does. That failed; lines go on into the file that is still open.",
   "The line says why: often the folder is gone or may not be written."},
  {5008, "files are not accessed in the best way", "Files are written with io_uring and registered "
   "buffers where that is permitted; here something less does, more slowly and no less safely.",
   "The line says why: a seccomp filter (as containers have), the sysctl kernel.io_uring_disabled, "
   "or too small a limit of locked memory (`ulimit -l`, LimitMEMLOCK=), or MILLRACE_IO in the "
   "environment."},
  {5010, "a checkpoint is damaged", "The newest checkpoint cannot be used: a file of it is "
   "missing, cut short, or has another checksum than its manifest says. The one before is used; "
   "more input is read again, and no row is lost or doubled.",
   "Look at the disk. `checkpoint.keep` says how many there are to fall back on."},
  {5011, "the disk is full", "There is no room for a sink's rows or for a checkpoint. The graph "
   "waits and tries again; nothing is lost.",
   "Make room for the bytes that the line names; the graph goes on by itself."},
  {5012, "a node's state is too large for a checkpoint", "What a node remembers did not fit into "
   "the memory that is kept for snapshots. The graph runs on without this checkpoint.",
   "Give the node more `max_state`."},
  {5013, "a group's offsets were not written", "The run ended well, but where its consumer group "
   "stands could not be put on the disk. The next run of the group reads these records again.",
   "The line says why."},
  {5014, "records are gone", "Records of a topic were taken by retention before they were read, or "
   "are damaged, and `on_data_loss: continue` says to go on behind them.",
   "Keep records longer (`retention` of the sink that makes the topic), or read faster; `millrace "
   "topic verify` looks for damage."},
  {5015, "a topic keeps what it was created with", "A sink names other partitions, sync, "
   "compression, segment or retention than the topic has. They count when a topic is created, and "
   "this one is there already.",
   "Leave the option out, or delete the topic and have it made anew."},
  {5016, "a torn end was cut", "The last writer of the topic did not close it: it was killed, or "
   "the power failed. What it had begun and not acknowledged was cut off.",
   "Nothing: no acknowledged record is among it."},
  {0, NULL, NULL, NULL},
};
/* clang-format on */
