/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How fast the path from a model file to a proven plan is, and the explorer while it is walked. Prints a table with the
 * wanted figures; ends with 1 when one is missed. `bench_foundation [--ilp SECONDS]` compares with GLPK alone.
 */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "import/import.h"
#include "ui/app.h"

static int missed;

static void row(const char *what, double is, double wanted, const char *unit)
{
    bool ok = is <= wanted;
    missed += !ok;
    printf("%-56s %10.3f %-4s wanted <= %g%s\n", what, is, unit, wanted, ok ? "" : "   MISSED");
}

static struct sc_settings settings_of(const char *const *options)
{
    struct sc_settings settings;
    struct sc_error err = {0};
    sc_settings_init(&settings);
    sc_settings_set_model(&settings, "gpt-39b");
    for (; options[0]; options += 2)
        if (sc_settings_set(&settings, options[0], options[1], &err) != SC_OK) {
            fprintf(stderr, "%s\n", err.message);
            exit(2);
        }
    return settings;
}

static struct sc_plan *make(struct sc_planner *planner, const struct sc_settings *settings, double limit, bool deltas)
{
    struct sc_error err = {0};
    struct sc_cancel cancel;
    struct sc_plan *plan = NULL;
    sc_cancel_init(&cancel, limit, 0);
    struct sc_plan_request request = {.settings = settings, .deltas = deltas, .cancel = &cancel};
    if (sc_planner_make(planner, &request, &plan, &err) != SC_OK && err.status != SC_TIMEOUT) {
        fprintf(stderr, "%s\n", err.message);
        exit(2);
    }
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
    return values[(int)(p * (count - 1) + 0.5)];
}

static const char *const plenty[] = {"cluster", "p3.16xlarge", "mesh", "2x4", "memory", "1000", NULL, NULL};
static const char *const tight[] = {"cluster", "p3.16xlarge", "mesh", "2x4", "memory", "100", NULL, NULL};

static void bench_solve(double ilp_limit)
{
    struct sc_loader loader = sc_import_loader();
    struct sc_settings settings = settings_of(plenty);
    double cold[7], pinned[40], objective = 0;
    for (size_t i = 0; i < SC_LEN(cold); i++) {
        double began = sc_now();
        struct sc_planner *planner = sc_planner_new(&loader);
        struct sc_plan *plan = make(planner, &settings, 0, false);
        cold[i] = sc_now() - began;
        objective = plan->objective_s;
        sc_plan_free(plan);
        sc_planner_free(planner);
    }
    row("GPT-39B, 2x4: load + strategies + solve, median", 1e3 * percentile(cold, SC_LEN(cold), 0.5), 300, "ms");
    struct sc_planner *planner = sc_planner_new(&loader);
    struct sc_plan *plan = make(planner, &settings, 0, false);
    uint64_t seed = 3;
    for (size_t i = 0; i < SC_LEN(pinned); i++) {
        int op = (int)sc_random_below(&seed, (uint64_t)plan->graph->op_count);
        const struct sc_strategies *set = plan->costs->nodes[plan->costs->op_node[op]].set;
        char text[64], pin[256];
        struct sc_settings other;
        sc_strategy_format(plan->graph, op, &set->at[sc_random_below(&seed, (uint64_t)set->count)], text, sizeof text);
        snprintf(pin, sizeof pin, "%s=%s", plan->graph->ops[op].name, text);
        sc_settings_copy(&other, &settings);
        sc_settings_set(&other, "pin", pin, NULL);
        double began = sc_now();
        struct sc_plan *again = make(planner, &other, 0, false);
        pinned[i] = sc_now() - began;
        sc_plan_free(again);
        sc_settings_free(&other);
    }
    row("  re-solve after one pin, p95 of 40", 1e3 * percentile(pinned, SC_LEN(pinned), 0.95), 30, "ms");
    if (ilp_limit > 0) {
        sc_settings_set(&settings, "solver", "ilp", NULL);
        double began = sc_now();
        struct sc_plan *ilp = make(planner, &settings, ilp_limit, false);
        double seconds = sc_now() - began;
        printf("  GLPK alone (Alpa's formulation): %s after %.2f s, %.0f times ours%s\n",
               ilp ? sc_solve_status_name(ilp->status) : "no plan", seconds, seconds / cold[0],
               ilp && ilp->status == SC_SOLVED_OPTIMAL
                   ? fabs(ilp->objective_s - objective) <= 1e-9 * objective ? ", same objective" : ", OTHER OBJECTIVE"
                   : "");
        if (ilp)
            sc_plan_free(ilp);
    }
    sc_plan_free(plan);
    sc_planner_free(planner);
    sc_settings_free(&settings);
}

/* The explorer on a terminal in memory: what one keystroke costs while the worker solves a hard limit. */
static void bench_explorer(void)
{
    enum { KEYS = 1500 };
    static double paint[KEYS];
    struct sc_settings settings = settings_of(tight);
    struct sc_error err = {0};
    struct tui_app *app;
    double began = sc_now();
    struct tui_start start = {.settings = &settings, .threads = true};
    if (tui_app_new(&start, &app, &err) != SC_OK) {
        fprintf(stderr, "%s\n", err.message);
        exit(2);
    }
    struct tui_term *term = tui_term_memory(200, 50);
    tui_app_use_term(app, term);
    tui_rows_build(app);
    tui_app_draw(app);
    row("start to first paint", 1e3 * (sc_now() - began), 100, "ms");
    tui_submit(app, false);
    uint64_t seed = 5;
    static const char keys[] = "jjjjjjjjkkkGgzRzMa+-\tn$";
    for (int i = 0; i < KEYS; i++) {
        int key = keys[sc_random_below(&seed, sizeof keys - 1)];
        double pressed = sc_now();
        tui_app_results(app);
        tui_app_key(app, key);
        if (app->rows_stale)
            tui_rows_build(app);
        tui_app_draw(app);
        tui_candidates_update(app);
        paint[i] = sc_now() - pressed;
        struct timespec pause = {0, 1000 * 1000};
        nanosleep(&pause, NULL);
    }
    printf("  (the solve was %s while keys were pressed)\n", app->solving ? "running all the time" : "done before the end");
    double p99 = percentile(paint, KEYS, 0.99);
    row("keystroke to paint while solving, p99 of 1500", 1e3 * p99, 16, "ms");
    printf("%-56s %10.3f ms\n", "  median", 1e3 * percentile(paint, KEYS, 0.5));
    tui_app_free(app);
    tui_term_free(term);
    sc_settings_free(&settings);
}

int main(int argc, char **argv)
{
    double ilp = argc == 3 && strcmp(argv[1], "--ilp") == 0 ? atof(argv[2]) : 0;
    struct rusage usage;
    setlocale(LC_CTYPE, "C.UTF-8");
    bench_solve(0);
    getrusage(RUSAGE_SELF, &usage);
    row("peak memory of solving", (double)usage.ru_maxrss / 1024, 300, "MiB");
    bench_explorer();
    if (ilp > 0)
        bench_solve(ilp);
    return missed ? 1 : 0;
}
