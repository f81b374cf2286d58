/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Planning stages and strategies together: GPT-39B on 64 V100 from nothing and after 200 random edits, and how time
 * grows with layers and devices. Prints a table with the wanted figures; ends with 1 when one is missed. `--growth`
 * adds the tables of growth.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "import/import.h"
#include "plan/plan.h"

static int missed;
static struct sc_loader loader;

static void row(const char *what, double is, double wanted, const char *unit)
{
    bool ok = is <= wanted;
    missed += !ok;
    printf("%-56s %10.3f %-4s wanted <= %g%s\n", what, is, unit, wanted, ok ? "" : "   MISSED");
}

static void set(struct sc_settings *settings, const char *name, const char *value)
{
    struct sc_error err = {0};
    if (sc_settings_set(settings, name, value, &err) != SC_OK) {
        fprintf(stderr, "%s\n", err.message);
        exit(2);
    }
}

static struct sc_plan *make(struct sc_planner *planner, const struct sc_settings *settings, double *seconds)
{
    struct sc_error err = {0};
    struct sc_plan *plan = NULL;
    struct sc_plan_request request = {.settings = settings};
    double began = sc_now();
    if (sc_planner_make(planner, &request, &plan, &err) != SC_OK) {
        fprintf(stderr, "%s\n", err.message);
        exit(2);
    }
    *seconds = sc_now() - began;
    return plan;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double percentile(double *values, int count, double p)
{
    qsort(values, (size_t)count, sizeof *values, by_value);
    return count ? values[(int)(p * (count - 1) + 0.5)] : 0;
}

static void gpt_39b(struct sc_settings *settings)
{
    sc_settings_init(settings);
    sc_settings_set_model(settings, "gpt-39b");
    set(settings, "cluster", "p3.16xlarge:8");
    set(settings, "stages", "auto");
}

/* A pin of a random op as it is elsewhere or a random cut, alternately; every tenth edit begins anew. */
static void bench_edits(void)
{
    enum { EDITS = 200 };
    struct sc_settings settings;
    struct sc_planner *planner = sc_planner_new(&loader);
    double seconds, pins[EDITS], cuts[EDITS];
    int pin_count = 0, cut_count = 0, bad = 0;
    uint64_t seed = 3;
    gpt_39b(&settings);
    struct sc_plan *plan = make(planner, &settings, &seconds);
    printf("GPT-39B, 8 x 8 V100, 1024 microbatches: %s, %.6g s an iteration, %d stages\n",
           sc_solve_status_name(plan->status), plan->objective_s, plan->stage_count);
    row("cold: load, strategies, all stages, proof", seconds, 1, "s");
    for (int i = 0; i < EDITS; i++) {
        char text[160], strategy[96];
        if (i % 10 == 0) {
            sc_settings_free(&settings);
            gpt_39b(&settings);
        }
        if (i % 2) {
            snprintf(text, sizeof text, "%d", 1 + (int)sc_random_below(&seed, (uint64_t)plan->graph->layer_count - 1));
            set(&settings, sc_random_below(&seed, 2) ? "cut" : "no-cut", text);
        } else {
            int op = (int)sc_random_below(&seed, (uint64_t)plan->graph->op_count), count = 0;
            struct sc_candidate *candidates = NULL;
            if (!plan->choice || sc_plan_candidates(plan, op, &candidates, &count, NULL) != SC_OK)
                continue;
            snprintf(strategy, sizeof strategy, "%s", candidates[sc_random_below(&seed, (uint64_t)count)].strategy);
            snprintf(text, sizeof text, "%s=%s", plan->graph->ops[op].name, strategy);
            sc_free(candidates);
            set(&settings, "pin", text);
        }
        struct sc_plan *next = make(planner, &settings, &seconds);
        *(i % 2 ? &cuts[cut_count++] : &pins[pin_count++]) = seconds;
        bad += next->status == SC_SOLVED_FEASIBLE || next->status == SC_SOLVED_TIMEOUT;
        if (next->choice) {
            sc_plan_free(plan);
            plan = next;
        } else {
            sc_plan_free(next);
        }
    }
    printf("%d edits, %d not proven\n", pin_count + cut_count, bad);
    row("after an op is pinned, median", 1e3 * percentile(pins, pin_count, 0.5), 50, "ms");
    row("after an op is pinned, p95", 1e3 * percentile(pins, pin_count, 0.95), 50, "ms");
    row("after a cut is set or forbidden, median", 1e3 * percentile(cuts, cut_count, 0.5), 20, "ms");
    row("after a cut is set or forbidden, p95", 1e3 * percentile(cuts, cut_count, 0.95), 20, "ms");
    sc_plan_free(plan);
    sc_planner_free(planner);
    sc_settings_free(&settings);
}

static double cold(const char *layers, const char *cluster)
{
    struct sc_settings settings;
    struct sc_planner *planner = sc_planner_new(&loader);
    char text[64];
    double seconds;
    gpt_39b(&settings);
    snprintf(text, sizeof text, "layers=%s", layers);
    set(&settings, "set", text);
    set(&settings, "cluster", cluster);
    struct sc_plan *plan = make(planner, &settings, &seconds);
    printf("  %6s layers on %-16s %8.3f s  %s\n", layers, cluster, seconds, sc_solve_status_name(plan->status));
    fflush(stdout);
    sc_plan_free(plan);
    sc_planner_free(planner);
    sc_settings_free(&settings);
    return seconds;
}

static void fit(const char *what, const double *seconds, int count)
{
    printf("  grows with %s to the power of %.2f\n", what, log2(seconds[count - 1] / seconds[0]) / (count - 1));
}

static void bench_growth(void)
{
    static const char *const layers[] = {"12", "24", "48", "96", "192"};
    static const char *const clusters[] = {"a100-80:1",  "a100-80:2",  "a100-80:4",  "a100-80:8",
                                           "a100-80:16", "a100-80:32", "a100-80:64", "a100-80:128"};
    double seconds[8];
    for (int i = 0; i < 5; i++)
        seconds[i] = cold(layers[i], "a100-80:8");
    fit("layers", seconds, 5);
    for (int i = 0; i < 8; i++)
        seconds[i] = cold("48", clusters[i]);
    fit("devices", seconds, 8);
    row("192 layers on 1024 devices", cold("192", "a100-80:128"), 20, "s");
}

int main(int argc, char **argv)
{
    struct rusage usage;
    loader = sc_import_loader();
    bench_edits();
    getrusage(RUSAGE_SELF, &usage);
    row("peak memory", (double)usage.ru_maxrss / 1024, 500, "MiB");
    if (argc > 1 && strcmp(argv[1], "--growth") == 0)
        bench_growth();
    return missed > 0;
}
