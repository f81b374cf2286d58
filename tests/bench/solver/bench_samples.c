/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * bench_samples: problems of the sample models, on several machines, in every mode, with memory from plenty to the
 * least that is known to do. Prints one line each with --all, else those that took over a second or were not proven;
 * then median, percentiles and worst. Ends with 1 when the wanted figures are missed.
 *   bench_samples [--all] [--quick] [--time-limit SEC] [MODEL...]
 */
#include "import/import.h"
#include "plan/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *cluster, *mesh;
    enum sc_remat remat;
    bool quick; /* among the few of --quick */
} machines[] = {
    {"p3.16xlarge", "2x4", SC_REMAT_NONE, true},  {"p3.16xlarge", "8", SC_REMAT_NONE, false},
    {"p3.16xlarge", "2x4", SC_REMAT_LAYER, true}, {"h100:2", "4x4", SC_REMAT_NONE, false},
    {"alpa-4x8", "4x8", SC_REMAT_NONE, false},
};

/* Memory between the least that is known to do and what the plan without a limit takes. */
static const struct {
    const char *name;
    double part;
} points[] = {{"free", INFINITY}, {"loose", 0.8}, {"tight", 0.3}, {"close", 0.03}, {"just", 0}};

enum { MOST_PROBLEMS = 4000 };

struct bench {
    bool all, quick;
    double time_limit;
    int count, unproven;
    double seconds[MOST_PROBLEMS];
};

static const char *const mode_names[] = {"train", "prefill", "decode"};

/* The costs of a model on a machine; NULL when the model does not go there. */
static struct sc_problem *make_problem(const char *model, size_t machine, int mode)
{
    struct sc_cost_options options = SC_COST_OPTIONS_INIT;
    struct sc_loader loader = sc_import_loader();
    struct sc_planner *planner = sc_planner_new(&loader);
    struct sc_settings settings;
    struct sc_graph *graph = NULL;
    struct sc_cluster *cluster = NULL;
    struct sc_costs *costs = NULL;
    struct sc_problem *problem = NULL;
    struct sc_axes axes;
    struct sc_mesh mesh;
    struct sc_error err = {0};
    sc_settings_init(&settings);
    sc_settings_set_model(&settings, model);
    if (planner && sc_settings_set(&settings, "cluster", machines[machine].cluster, &err) == SC_OK &&
        sc_settings_set(&settings, "mode", mode_names[mode], &err) == SC_OK &&
        sc_planner_load(planner, &settings, &graph, &cluster, &err) == SC_OK &&
        sc_axes_parse(machines[machine].mesh, &axes) &&
        sc_mesh_make(cluster, cluster->hosts, cluster->devices_per_host, &axes, SC_FORMULAS_NATIVE, &mesh, &err) ==
            SC_OK) {
        options.mode = settings.mode;
        options.microbatches = (int)graph->microbatches;
        options.remat = machines[machine].remat;
        if (sc_costs_new(graph, &mesh, &options, NULL, &costs, &err) == SC_OK &&
            sc_plan_problem(costs, &problem, &err) != SC_OK)
            problem = NULL;
    }
    sc_costs_free(costs);
    sc_graph_free(graph);
    sc_cluster_free(cluster);
    sc_settings_free(&settings);
    sc_planner_free(planner);
    return problem;
}

static struct sc_solution *solve(const struct sc_problem *problem, double limit, double time_limit, bool limits,
                                 double *peak)
{
    struct sc_solve_options options = SC_SOLVE_OPTIONS_INIT;
    struct sc_problem *varied;
    struct sc_solution *s = NULL;
    struct sc_cancel cancel;
    struct sc_error err = {0};
    sc_cancel_init(&cancel, time_limit, 0);
    options.cancel = &cancel;
    options.limits = limits;
    if (sc_problem_vary(problem, 0, NULL, NULL, limit, &varied, &err) != SC_OK)
        return NULL;
    if (sc_solve(varied, &options, &s, &err) == SC_OK && s->choices && peak)
        *peak = sc_problem_check(varied, s->choices).peak;
    sc_problem_free(varied);
    return s;
}

static void report(struct bench *b, const char *name, const struct sc_problem *problem, const struct sc_solution *s)
{
    bool proven = s->status == SC_SOLVED_OPTIMAL || s->status == SC_SOLVED_INFEASIBLE;
    if (b->count < MOST_PROBLEMS)
        b->seconds[b->count++] = proven ? s->seconds : INFINITY;
    b->unproven += !proven;
    if (b->all || !proven || s->seconds > 1)
        printf("%-52s %5d nodes  %-10s cost %-14.9g gap %9.3g  %8.4f s, best after %8.4f s\n", name,
               problem->node_count, sc_solve_status_name(s->status), s->cost, s->gap, s->seconds, s->found_s);
    fflush(stdout);
}

static void bench_problem(struct bench *b, const char *name, const struct sc_problem *problem)
{
    double most = 0;
    char line[100];
    struct sc_solution *whole = solve(problem, INFINITY, b->time_limit, false, &most);
    struct sc_solution *none = solve(problem, 0, b->time_limit, true, NULL);
    for (size_t i = 0; i < SC_LEN(points) && whole && none && none->limit_feasible < INFINITY; i++) {
        double least = none->limit_feasible, part = points[i].part;
        if (part < INFINITY && least >= most)
            continue;
        double limit = part < INFINITY ? least + part * (most - least) : INFINITY;
        struct sc_solution *s = solve(problem, limit, b->time_limit, false, NULL);
        snprintf(line, sizeof line, "%s %s", name, points[i].name);
        if (s)
            report(b, line, problem, s);
        sc_solution_free(s);
    }
    sc_solution_free(whole);
    sc_solution_free(none);
}

static void bench_model(struct bench *b, const char *model)
{
    for (size_t machine = 0; machine < SC_LEN(machines); machine++)
        for (int mode = 0; mode < (int)SC_LEN(mode_names); mode++) {
            char name[80];
            if ((machines[machine].remat != SC_REMAT_NONE && mode > 0) || (b->quick && !machines[machine].quick))
                continue;
            struct sc_problem *problem = make_problem(model, machine, mode);
            snprintf(name, sizeof name, "%s %s %s %s%s", model, machines[machine].cluster, machines[machine].mesh,
                     mode_names[mode], machines[machine].remat == SC_REMAT_LAYER ? " remat" : "");
            if (problem)
                bench_problem(b, name, problem);
            sc_problem_free(problem);
        }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int conclude(struct bench *b)
{
    if (b->count == 0)
        return 2;
    qsort(b->seconds, (size_t)b->count, sizeof *b->seconds, by_value);
    double median = b->seconds[b->count / 2], worst = b->seconds[b->count - 1];
    printf("%d problems: median %.4f s, 90 %% %.4f s, 99 %% %.4f s, worst %.4f s, unproven %d\n", b->count, median,
           b->seconds[b->count * 9 / 10], b->seconds[b->count * 99 / 100], worst, b->unproven);
    bool good = median <= 0.05 && worst <= 1;
    printf("wanted: median <= 0.05 s, worst <= 1 s: %s\n", good ? "met" : "MISSED");
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    static struct bench b = {.time_limit = 10};
    int models = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--all") == 0) {
            b.all = true;
        } else if (strcmp(argv[i], "--quick") == 0) {
            b.quick = true;
        } else if (strcmp(argv[i], "--time-limit") == 0 && i + 1 < argc) {
            b.time_limit = atof(argv[++i]);
        } else {
            bench_model(&b, argv[i]);
            models++;
        }
    }
    struct sc_import_samples samples = {0};
    struct sc_error err = {0};
    if (models == 0 && sc_import_samples_find("models", &samples, &err) != SC_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 2;
    }
    for (int i = 0; i < samples.count; i++)
        bench_model(&b, samples.at[i].name);
    sc_import_samples_free(&samples);
    return conclude(&b);
}
