// Package service is the life of a service around its requests: how its parts are opened and
// closed, in which state it is, what it tells those who watch it, and how it stops.
//
//	server, err := service.NewServer(service.ServerConfig{Addr: ":8080", Handler: e})
//	group, err := service.NewGroup(service.Config{
//		Parts: append([]service.Part{
//			{Name: "redis", Open: openStore, Close: closeStore},
//			{Name: "database", Needs: []string{"redis"}, Open: openDatabase, Close: closeDatabase},
//		}, server.Parts("database")...),
//		Lifecycle: server.Lifecycle(),
//	})
//	ctx, stop := service.StopContext(context.Background(), logger, os.Exit)
//	defer stop()
//	err = group.Run(ctx)
//
// For most uses [Group.Run] is the rest of main. Use [Group.Start] and [Group.Close] where something
// else waits for the end, such as a test or the service manager of Windows.
//
// A [Group] opens parts after what they need, and closes them before it. A [Lifecycle] is the
// state, with the moves that are allowed. A [Health] answers /livez, /readyz and /startupz. A
// [Server] accepts requests, and at the end lets those in flight finish.
//
// It imports the standard library alone and knows nothing of sessions and policies: those are
// parts like others.
package service
