/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * problem: a bare cost graph.
 */
#include <math.h>
#include <stdio.h>

#include "batch/run.h"

static void write_trace(struct sc_json_writer *w, const struct sc_solution *solution)
{
    sc_json_open_array(w, "trace", false);
    for (int i = 0; i < solution->trace_count; i++) {
        const struct sc_solve_trace *t = &solution->trace[i];
        sc_json_open_object(w, NULL, true);
        sc_json_put_string(w, "rung", t->rung);
        sc_json_put_number(w, "seconds", t->seconds);
        sc_json_put_int(w, "nodes", t->nodes);
        sc_json_put_int(w, "edges", t->edges);
        sc_json_put_number(w, "cost", t->cost);
        sc_json_put_number(w, "bound", t->bound);
        sc_json_close(w);
    }
    sc_json_close(w);
}

static void write_json(struct sc_str *out, const struct sc_problem *problem, const struct sc_solution *solution)
{
    struct sc_json_writer w;
    sc_json_begin(&w, out);
    sc_json_open_object(&w, NULL, false);
    sc_json_put_string(&w, "name", problem->name);
    sc_json_put_string(&w, "status", sc_solve_status_name(solution->status));
    sc_json_put_number(&w, "cost", solution->cost);
    sc_json_put_number(&w, "bound", solution->bound);
    sc_json_put_number(&w, "gap", solution->gap);
    sc_json_put_number(&w, "seconds", solution->seconds);
    sc_json_put_number(&w, "tolerance", solution->tolerance);
    sc_json_open_array(&w, "choices", true);
    for (int n = 0; solution->choices && n < problem->node_count; n++)
        sc_json_put_int(&w, NULL, solution->choices[n]);
    sc_json_close(&w);
    if (solution->status == SC_SOLVED_INFEASIBLE) {
        sc_json_put_number(&w, "limit_feasible", solution->limit_feasible);
        sc_json_put_number(&w, "limit_infeasible", solution->limit_infeasible);
    }
    write_trace(&w, solution);
    sc_json_close(&w);
    sc_str_add(out, "\n");
}

static void write_text(struct sc_str *out, const struct sc_problem *problem, const struct sc_solution *solution)
{
    sc_str_addf(out, "%s: %d nodes, %d edges, %d usage terms\n", problem->name, problem->node_count,
                problem->edge_count, problem->usage_count);
    sc_str_addf(out, "%s", sc_solve_status_name(solution->status));
    if (solution->choices)
        sc_str_addf(out, "  cost %.17g", solution->cost);
    if (isfinite(solution->bound))
        sc_str_addf(out, "  bound %.17g", solution->bound);
    if (solution->choices)
        sc_str_addf(out, "  gap %.4g %%", 100 * solution->gap);
    sc_str_addf(out, "  in %.4g s\n", solution->seconds);
    for (int i = 0; i < solution->trace_count; i++) {
        const struct sc_solve_trace *t = &solution->trace[i];
        sc_str_addf(out, "  %-10s %8.4f s  %7d nodes %8d edges  cost %-14.10g bound %.10g\n", t->rung, t->seconds,
                    t->nodes, t->edges, t->cost, t->bound);
    }
    if (problem->node_count <= 64 && solution->choices) {
        sc_str_add(out, "choices");
        for (int n = 0; n < problem->node_count; n++)
            sc_str_addf(out, " %d", solution->choices[n]);
        sc_str_add(out, "\n");
    } else if (solution->choices) {
        sc_str_add(out, "choices are in --json\n");
    }
}

int tui_cmd_problem(struct tui_args *args)
{
    struct sc_error err = {0};
    struct sc_problem *problem = NULL;
    struct sc_solution *solution = NULL;
    struct sc_str text = {0};
    enum sc_status status = sc_problem_load(args->words[0], &problem, &err);
    if (status == SC_OK) {
        struct tui_run run;
        tui_run_begin(&run, &args->settings);
        struct sc_solve_options options = SC_SOLVE_OPTIONS_INIT;
        options.solver = args->settings.solver;
        options.gap = args->settings.gap;
        options.limits = true;
        options.cancel = &run.cancel;
        options.progress = run.progress;
        status = sc_solve(problem, &options, &solution, &err);
        tui_run_end(&run);
    }
    int result;
    if (status != SC_OK) {
        result = tui_report(&err);
    } else {
        (args->settings.json ? write_json : write_text)(&text, problem, solution);
        result = tui_batch_put(&args->settings, &text);
        if (result == TUI_EXIT_OK && !solution->choices)
            result = solution->status == SC_SOLVED_INFEASIBLE ? TUI_EXIT_INFEASIBLE : TUI_EXIT_TIMEOUT;
    }
    sc_str_free(&text);
    sc_solution_free(solution);
    sc_problem_free(problem);
    return result;
}
