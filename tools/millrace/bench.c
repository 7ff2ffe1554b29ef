/* SPDX-License-Identifier: Apache-2.0 */
/* bench: the benchmarks, each beside a plain C loop that does the same work in the same run. */
#include "bench/lib/bench.h"
#include "cmd.h"

static int run_bench(int argc, char **argv) {
  return mr_bench_main(argc - 1, argv + 1);
}

const struct mr_cmd mr_cmd_bench = {
    "bench",
    "list | run [NAME...] [FLAGS] | run SUITE.yaml [FLAGS] | find --slo BOUND SUITE.yaml | "
    "compare DIR DIR | report DIR",
    "measures the engine beside plain C loops, and whole graphs under load",
    "Benchmarks, each beside a plain C loop on the same data in the same run:\n"
    "  --pairs N       clean pairs wanted (9)\n"
    "  --tries N       pairs tried at most (4 times the pairs)\n"
    "  --sample-ms N   a side is run again until it has run this long (300)\n"
    "  --others SHARE  of a CPU that others may use in a clean pair (0.03)\n"
    "  --out DIR       a JSON file per benchmark\n"
    "  --json          JSON on stdout in place of lines\n"
    "  --dir DIR       folder for inputs (/tmp/millrace-bench)\n"
    "  --seed N, --scale X\n"
    "A NAME may end in *. One line per class of distance between CPU 0 and CPU 1 (NEAR, FAR).\n"
    "\nLoad tests of whole graphs (bench/suites), timed from each row's planned send time:\n"
    "  --rate R  --for D  --warmup D  --seed N  --repeat N  --set PATH=VALUE  --json\n"
    "  --out DIR       result.json, response.hgrm, service.hgrm, intervals.hlog, report.html\n"
    "  find            the highest rate at which a bound such as \"p99 < 1ms\" holds, --hold "
    "times\n"
    "  compare         the second result against the first, with a 95 % interval; ends 1 when "
    "worse\n"
    "  report          report.html of a result anew\n",
    run_bench};
