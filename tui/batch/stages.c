/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * stages: a bare stage problem.
 */
#include <math.h>
#include <stdio.h>

#include "batch/run.h"
#include "pipeline/pipeline.h"

static void write_text(struct sc_str *out, const struct sc_stage_problem *problem,
                       const struct sc_stage_solution *solution)
{
    static const char *const words[] = {"optimal", "infeasible", "stopped by the time limit"};
    sc_str_addf(out, "%s: %d layers on %d devices, %s", problem->name, problem->layers, problem->devices,
                sc_objective_name(problem->objective));
    if (problem->objective == SC_OBJECTIVE_PIPELINE)
        sc_str_addf(out, " of %d microbatches", problem->microbatches);
    sc_str_addf(out, "\n%s", words[solution->status]);
    if (isfinite(solution->latency_s))
        sc_str_addf(out, "  %.9g s", solution->latency_s);
    if (solution->status == SC_STAGES_TIMEOUT && isfinite(solution->bound_s))
        sc_str_addf(out, "  no plan is below %.9g s", solution->bound_s);
    sc_str_addf(out, "  in %.4g s\n", solution->seconds);
    for (int i = 0; i < solution->count; i++) {
        const struct sc_stage_option *stage = &problem->options[solution->stages[i]];
        sc_str_addf(out, "  stage %-3d layers %d-%d on %d device%s  %.9g s\n", i, stage->first, stage->last,
                    problem->submeshes[stage->submesh], problem->submeshes[stage->submesh] == 1 ? "" : "s",
                    stage->seconds);
    }
}

int tui_cmd_stages(struct tui_args *args)
{
    struct sc_error err = {0};
    struct sc_stage_problem *problem = NULL;
    struct sc_stage_solution solution = {0};
    struct sc_str text = {0};
    enum sc_status status = sc_stage_problem_load(args->words[0], &problem, &err);
    if (status == SC_OK) {
        struct tui_run run;
        tui_run_begin(&run, &args->settings);
        status = sc_stage_solve(problem, &run.cancel, &solution, &err);
        tui_run_end(&run);
    }
    int result;
    if (status != SC_OK) {
        result = tui_report(&err);
    } else {
        if (args->settings.json)
            sc_stage_write_json(problem, &solution, &text);
        else
            write_text(&text, problem, &solution);
        result = tui_batch_put(&args->settings, &text);
        if (result == TUI_EXIT_OK && solution.status == SC_STAGES_INFEASIBLE)
            result = TUI_EXIT_INFEASIBLE;
    }
    sc_str_free(&text);
    sc_stage_solution_free(&solution);
    sc_stage_problem_free(problem);
    return result;
}
