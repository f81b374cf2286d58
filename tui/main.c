/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * stagecut: the explorer on a terminal; a command, or the plan of the model, without one.
 */
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "batch/batch.h"
#include "ui/app.h"

static int explore(struct tui_args *args)
{
    struct sc_error err = {0};
    struct tui_app *app = NULL;
    bool scripted = args->script != NULL, utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    struct tui_term_options options = {.colour = args->colour, .theme = args->theme};
    struct tui_start start = {
        .settings = &args->settings, .ascii = args->ascii || (!utf8 && !scripted), .threads = true};
    const char *model = args->word_count ? args->words[0] : NULL;
    if (model && tui_is_session(model))
        start.session = model;
    else if (model && !sc_settings_set_model(&args->settings, model))
        return tui_report(&(struct sc_error){.status = SC_NO_MEMORY, .message = "no memory for the settings"});
    enum sc_status status = tui_app_new(&start, &app, &err); /* errors of input come before the screen is taken */
    if (status != SC_OK)
        return tui_report(&err);
    struct tui_term *term = scripted ? tui_term_memory(args->width, args->height) : tui_term_curses(&options, &err);
    int result = 0;
    if (!term) {
        result = tui_report(&err);
    } else {
        tui_app_use_term(app, term);
        result = scripted ? tui_app_script(app, args->script, &err) : tui_app_loop(app);
    }
    tui_app_free(app);
    tui_term_free(term);
    return scripted && result ? tui_report(&err) : result;
}

int main(int argc, char **argv)
{
    struct tui_args args;
    setlocale(LC_CTYPE, ""); /* never LC_ALL: numbers keep their dot */
    int result = tui_args_parse(argc, argv, &args);
    if (result == 0 && args.help)
        tui_print_help();
    else if (result == 0 && args.version)
        tui_print_version();
    else if (result == 0 && args.command)
        result = tui_batch_run(&args);
    else if (result == 0 && (args.script || (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))))
        result = explore(&args);
    else if (result == 0)
        result = tui_batch_solve(&args);
    tui_args_free(&args);
    return result;
}
