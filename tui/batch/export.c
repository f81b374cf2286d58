/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * export: a plan file in another format.
 */
#include "export/export.h"
#include "batch/run.h"

/* The plan that a file holds, priced under its own settings. */
static enum sc_status load(struct sc_planner *planner, const char *path, struct sc_plan **out, struct sc_error *err)
{
    struct sc_plan_file *file;
    enum sc_status status = sc_plan_file_load(path, &file, err);
    if (status != SC_OK)
        return status;
    status = sc_plan_file_price(planner, file, sc_plan_file_settings(file), out, err);
    sc_plan_file_free(file);
    if (status == SC_OK && !(*out)->choice)
        status = sc_fail(err, SC_INPUT, "%s: its strategies are no plan any more; see `stagecut verify`", path);
    return status;
}

/* A format is named wrongly before a long file is priced in vain. */
static enum sc_status check_format(const char *format, struct sc_error *err)
{
    const struct sc_exporter *exporter;
    if (format)
        return sc_exporter_find(format, err) ? SC_OK : err->status;
    struct sc_str names = {0};
    for (size_t i = 0; (exporter = sc_exporter_at(i)); i++)
        sc_str_addf(&names, "%s%s", i ? ", " : "", exporter->name);
    sc_fail(err, SC_USAGE, "--to FORMAT is missing; formats are %s", sc_str_text(&names));
    sc_str_free(&names);
    return SC_USAGE;
}

int tui_cmd_export(struct tui_args *args)
{
    struct sc_error err = {0};
    struct sc_plan *plan = NULL;
    struct sc_str text = {0};
    struct sc_planner *planner = NULL;
    struct sc_loader loader = sc_import_loader();
    enum sc_status status = check_format(args->format, &err);
    if (status == SC_OK && !(planner = sc_planner_new(&loader)))
        status = sc_fail(&err, SC_NO_MEMORY, "no memory for a planner");
    if (status == SC_OK)
        status = load(planner, args->words[0], &plan, &err);
    if (status == SC_OK) {
        struct tui_run run;
        tui_run_begin(&run, &args->settings);
        status = sc_export(plan, args->format, &run.cancel, &text, &err);
        tui_run_end(&run);
    }
    int result = status == SC_OK ? tui_batch_put(&args->settings, &text) : tui_report(&err);
    sc_str_free(&text);
    sc_plan_free(plan);
    sc_planner_free(planner);
    return result;
}
