package main

import (
	"errors"
	"fmt"

	"github.com/alecthomas/kong"
)

// grammar is the command line. A verb is a file of its own and a line here.
type grammar struct {
	Lint    lintCommand    `cmd:"" help:"Find mistakes in a policy, also those that load in silence."`
	Fmt     fmtCommand     `cmd:"" help:"Align the columns of CSV files; comments and order stay."`
	Test    testCommand    `cmd:"" help:"Run the tables of requests beside a policy."`
	Can     canCommand     `cmd:"" help:"Say whether a request is allowed: yes or no."`
	Explain explainCommand `cmd:"" help:"Say why a request is allowed or denied."`
	Diff    diffCommand    `cmd:"" help:"Print the requests that two policies decide differently."`
	Assert  assertCommand  `cmd:"" help:"Check sentences that must hold of every request."`
	WhoCan  whoCanCommand  `cmd:"" name:"who-can" help:"Say who is allowed something."`
	WhatCan whatCanCommand `cmd:"" name:"what-can" help:"Say what somebody is allowed."`
	Matrix  matrixCommand  `cmd:"" help:"Print roles, objects and actions as a table or a picture."`
	Routes  routesCommand  `cmd:"" help:"Hold a service's routes against the rules."`
	Init    initCommand    `cmd:"" help:"Write a policy to start from."`

	Publish   publishCommand   `cmd:"" help:"Publish a policy to every instance, by way of Redis."`
	Rollback  rollbackCommand  `cmd:"" help:"Publish an older policy again."`
	History   historyCommand   `cmd:"" help:"Print what was published, and by which policy instances decide."`
	Instances instancesCommand `cmd:"" help:"Print the instances of a service that run."`
	Sessions  sessionsCommand  `cmd:"" help:"Print and end sessions."`
	Tenants   tenantsCommand   `cmd:"" help:"Print, suspend and resume tenants."`
	Review    reviewCommand    `cmd:"" help:"Say who may do what and since when, signed, for an access review."`
	Db        dbCommand        `cmd:"" name:"db" help:"Ask a database what undoes the wall between tenants."`
}

const description = `For the people who edit policy files, and for operators.

Exit codes: 0 fine, 1 findings or denied, 2 usage, 3 the policy cannot be loaded or a server does not answer, 4 tests failed.

Results are on standard output, diagnostics on standard error.`

// exit is how a parser ends early, as after --help.
type exit int

func (a *app) run(args []string) (code int) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case exit:
			code = int(e)
		default:
			panic(e)
		}
	}()
	parser, err := a.parser()
	if err != nil {
		return a.fail(codeUsage, err)
	}
	if len(args) == 0 || args[0] == "help" {
		// reeve help lint
		args = append(args[min(len(args), 1):len(args):len(args)], "--help")
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		a.fail(codeUsage, err)
		fmt.Fprintln(a.diagnostics, "reeve: try reeve --help, or reeve <command> --help")
		return codeUsage
	}
	return a.end(ctx.Run(a))
}

func (a *app) parser() (*kong.Kong, error) {
	return kong.New(&grammar{}, kong.Name("reeve"), kong.Description(description), kong.Writers(a.out, a.diagnostics),
		kong.Exit(func(code int) { panic(exit(code)) }), kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Bind(a))
}

// end turns the error of a command into an exit code.
func (a *app) end(err error) int {
	var e *exitError
	switch {
	case err == nil:
		return codeFine
	case errors.As(err, &e) && e.err == nil:
		return e.code
	case errors.As(err, &e):
		return a.fail(e.code, e.err)
	}
	return a.fail(codeLoad, err)
}
