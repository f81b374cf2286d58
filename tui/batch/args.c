/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The command line. Options are those of the option table, the same in every command; this file knows only their form:
 * --NAME VALUE, --NAME=VALUE, and the short -h, -o, -q, -V.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch/batch.h"

#ifndef SC_VERSION
#define SC_VERSION "0.1"
#endif

int tui_exit_status(enum sc_status status)
{
    switch (status) {
    case SC_OK:
        return TUI_EXIT_OK;
    case SC_INFEASIBLE:
        return TUI_EXIT_INFEASIBLE;
    case SC_TIMEOUT:
    case SC_CANCELLED:
        return TUI_EXIT_TIMEOUT;
    case SC_NO_MEMORY:
    case SC_INTERNAL:
        return TUI_EXIT_INTERNAL;
    default:
        return TUI_EXIT_USAGE;
    }
}

int tui_report(const struct sc_error *err)
{
    char text[2048];
    sc_error_format(err, text, sizeof text);
    fprintf(stderr, "stagecut: %s\n", text);
    return tui_exit_status(err->status);
}

static const struct {
    const char *letter, *name;
} short_options[] = {{"-h", "--help"}, {"-V", "--version"}, {"-o", "--out"}, {"-q", "--quiet"}};

void tui_print_version(void)
{
    printf("stagecut %s\n", SC_VERSION);
}

static const struct tui_batch_command *find_command(const char *name)
{
    const struct tui_batch_command *command;
    for (size_t i = 0; (command = tui_batch_command_at(i)); i++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

static bool takes(const struct tui_batch_command *command, const char *name)
{
    if (!command || !command->options)
        return true;
    size_t length = strlen(name);
    for (const char *at = command->options; (at = strstr(at, name)); at += length)
        if ((at == command->options || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

/* ---- options of the explorer, or of one command ---- */

static enum sc_status set_format(struct tui_args *args, const char *value, struct sc_error *err)
{
    (void)err;
    args->format = value;
    return SC_OK;
}

static enum sc_status set_script(struct tui_args *args, const char *value, struct sc_error *err)
{
    (void)err;
    args->script = value;
    return SC_OK;
}

static enum sc_status set_size(struct tui_args *args, const char *value, struct sc_error *err)
{
    char rest;
    if (sscanf(value, "%dx%d%c", &args->width, &args->height, &rest) != 2 || args->width < 1 || args->height < 1 ||
        args->width > 1000 || args->height > 1000)
        return sc_fail(err, SC_USAGE, "--size '%s': expected WIDTHxHEIGHT, like 80x24", value);
    return SC_OK;
}

static enum sc_status set_ascii(struct tui_args *args, const char *value, struct sc_error *err)
{
    (void)value;
    (void)err;
    args->ascii = true;
    return SC_OK;
}

static enum sc_status set_colour(struct tui_args *args, const char *value, struct sc_error *err)
{
    static const char *const names[] = {"auto", "never", "always"};
    for (size_t i = 0; i < SC_LEN(names); i++)
        if (strcmp(names[i], value) == 0) {
            args->colour = (enum tui_colour)i;
            return SC_OK;
        }
    return sc_fail(err, SC_USAGE, "--color '%s': expected auto, never or always", value);
}

static enum sc_status set_theme(struct tui_args *args, const char *value, struct sc_error *err)
{
    args->theme = tui_theme_find(value);
    return args->theme ? SC_OK : sc_fail(err, SC_USAGE, "--theme '%s': expected dark, light, contrast or mono", value);
}

static const struct {
    const char *command; /* NULL: the explorer */
    const char *name, *argument, *help;
    enum sc_status (*set)(struct tui_args *args, const char *value, struct sc_error *err);
} own_options[] = {
    {NULL, "ascii", NULL, "draw with ASCII alone", set_ascii},
    {NULL, "color", "auto|never|always", "colours; NO_COLOR turns them off too", set_colour},
    {NULL, "theme", "NAME", "dark, light, contrast, mono", set_theme},
    {NULL, "script", "FILE", "run keys and commands on a screen in memory", set_script},
    {NULL, "size", "WxH", "of that screen (80x24)", set_size},
    {"export", "to", "FORMAT", "of `stagecut list formats`", set_format},
};

static bool is_own(size_t index, const struct tui_batch_command *command)
{
    const char *name = own_options[index].command;
    return command && name ? strcmp(command->name, name) == 0 : !command && !name;
}

void tui_print_help(void)
{
    const struct tui_batch_command *command;
    const struct sc_option *option;
    puts("stagecut: see and steer how a deep-learning model is spread over many devices\n\n"
         "usage: stagecut [MODEL] [OPTIONS]          open the explorer (no MODEL: choose a sample)");
    for (size_t i = 0; (command = tui_batch_command_at(i)); i++) {
        char usage[96];
        snprintf(usage, sizeof usage, "stagecut %s %s", command->name, command->arguments);
        printf("       %-36s %s\n", usage, command->help);
    }
    puts("\noptions:");
    for (size_t i = 0; (option = sc_option_at(i)); i++) {
        char usage[64];
        snprintf(usage, sizeof usage, "--%s%s%s%s", option->name, option->argument ? " " : "",
                 option->argument ? option->argument : "", option->repeats ? "..." : "");
        printf("  %-32s %s\n", usage, option->help);
    }
    puts("\noptions of the explorer:");
    for (size_t i = 0; i < SC_LEN(own_options); i++) {
        char usage[64];
        snprintf(usage, sizeof usage, "--%s%s%s", own_options[i].name, own_options[i].argument ? " " : "",
                 own_options[i].argument ? own_options[i].argument : "");
        if (!own_options[i].command)
            printf("  %-32s %s\n", usage, own_options[i].help);
    }
    puts("\n  -h, --help   -V, --version   -o FILE (--out)   -q (--quiet)\n\n"
         "exit status: 0 done, 1 no plan satisfies the constraints, 2 wrong usage or bad input,\n"
         "             3 stopped by the time limit with no plan, 4 internal error");
}

/* One option, at argv[*i]; moves *i past its value. */
static enum sc_status parse_option(struct tui_args *out, int argc, char **argv, int *i, struct sc_error *err)
{
    const char *word = argv[*i], *value = NULL;
    char name[64];
    for (size_t k = 0; k < SC_LEN(short_options); k++)
        if (strcmp(word, short_options[k].letter) == 0)
            word = short_options[k].name;
    if (strncmp(word, "--", 2) != 0)
        return sc_fail(err, SC_USAGE, "unknown option '%s'; options are long (--name), see --help", word);
    const char *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word - 2) : strlen(word + 2);
    if (length >= sizeof name)
        return sc_fail(err, SC_USAGE, "unknown option '%.60s…'; see --help", word);
    memcpy(name, word + 2, length);
    name[length] = '\0';
    if (strcmp(name, "help") == 0)
        out->help = true;
    else if (strcmp(name, "version") == 0)
        out->version = true;
    else {
        for (size_t k = 0; k < SC_LEN(own_options); k++) {
            if (strcmp(own_options[k].name, name) != 0 || !is_own(k, out->command))
                continue;
            if (own_options[k].argument && !equals && *i + 1 >= argc)
                return sc_fail(err, SC_USAGE, "--%s wants a value: %s", name, own_options[k].argument);
            value = equals ? equals + 1 : own_options[k].argument ? argv[++*i] : "";
            return own_options[k].set(out, value, err);
        }
        const struct sc_option *option = sc_option_find(name);
        if (option && !takes(out->command, name))
            return sc_fail(err, SC_USAGE, "--%s has no meaning for `stagecut %s`", name, out->command->name);
        if (equals)
            value = equals + 1;
        else if (option && option->argument) {
            if (*i + 1 >= argc)
                return sc_fail(err, SC_USAGE, "--%s wants a value: --%s %s", name, name, option->argument);
            value = argv[++*i];
        }
        return sc_settings_set(&out->settings, name, value, err);
    }
    return SC_OK;
}

/* --plan FILE: its pins come before those of the command line. */
static enum sc_status take_plan_pins(struct tui_args *args, struct sc_error *err)
{
    struct sc_plan_file *file;
    if (!args->settings.plan || !*args->settings.plan)
        return SC_OK;
    enum sc_status status = sc_plan_file_load(args->settings.plan, &file, err);
    if (status != SC_OK)
        return status;
    struct sc_texts mine = args->settings.pins;
    args->settings.pins = (struct sc_texts){0};
    const struct sc_texts *theirs = &sc_plan_file_settings(file)->pins;
    for (int i = 0; status == SC_OK && i < theirs->count; i++)
        status = sc_settings_set(&args->settings, "pin", theirs->at[i], err);
    for (int i = 0; i < mine.count; i++) {
        if (status == SC_OK)
            status = sc_settings_set(&args->settings, "pin", mine.at[i], err);
        sc_free(mine.at[i]);
    }
    sc_free(mine.at);
    sc_plan_file_free(file);
    return status;
}

static enum sc_status check_words(const struct tui_args *args, struct sc_error *err)
{
    const struct tui_batch_command *command = args->command;
    int most = command ? command->most : 1;
    if (args->help || args->version)
        return SC_OK;
    if (command && args->word_count < command->least)
        return sc_fail(err, SC_USAGE, "usage: stagecut %s %s", command->name, command->arguments);
    if (args->word_count > most)
        return sc_fail(err, SC_USAGE, "unexpected '%s'; usage: stagecut %s %s", args->words[most],
                       command ? command->name : "[MODEL]", command ? command->arguments : "[OPTIONS]");
    return SC_OK;
}

int tui_args_parse(int argc, char **argv, struct tui_args *out)
{
    struct sc_error err = {0};
    enum sc_status status = SC_OK;
    bool only_words = false;
    *out = (struct tui_args){.width = 80, .height = 24};
    sc_settings_init(&out->settings);
    for (int i = 1; status == SC_OK && i < argc; i++) {
        const char *word = argv[i];
        if (!only_words && strcmp(word, "--") == 0)
            only_words = true;
        else if (!only_words && word[0] == '-' && word[1])
            status = parse_option(out, argc, argv, &i, &err);
        else if (i == 1 && find_command(word))
            out->command = find_command(word);
        else if (out->word_count < (int)SC_LEN(out->words))
            out->words[out->word_count++] = word;
        else
            status = sc_fail(&err, SC_USAGE, "too many arguments from '%s' on", word);
    }
    if (status == SC_OK)
        status = check_words(out, &err);
    if (status == SC_OK && !out->help && !out->version)
        status = take_plan_pins(out, &err);
    return status == SC_OK ? 0 : tui_report(&err);
}

void tui_args_free(struct tui_args *args)
{
    sc_settings_free(&args->settings);
}
