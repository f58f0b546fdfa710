// Package manifests_test reads the files of the examples by the types, schemas and parsers of the
// programs that they are for: Kubernetes, Compose, BuildKit and Prometheus. None of these is run.
package manifests_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/schema"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	promql "github.com/prometheus/prometheus/promql/parser"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

func read(t *testing.T, elements ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{"..", "..", "..", "examples"}, elements...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// kinds are the types of what the manifests may have.
func kinds() map[string]any {
	return map[string]any{
		"apps/v1 Deployment": &appsv1.Deployment{}, "v1 Service": &corev1.Service{}, "policy/v1 PodDisruptionBudget": &policyv1.PodDisruptionBudget{},
		"networking.k8s.io/v1 NetworkPolicy": &networkingv1.NetworkPolicy{},
	}
}

// manifest reads one object by its type. A field that the type has not, one that is there twice and a
// value of another type are errors.
func manifest(text string) (string, any, error) {
	var meta metav1.TypeMeta
	if err := yaml.Unmarshal([]byte(text), &meta); err != nil {
		return "", nil, err
	}
	kind := meta.APIVersion + " " + meta.Kind
	object := kinds()[kind]
	return kind, object, yaml.UnmarshalStrict([]byte(text), object)
}

func TestTheKubernetesManifestsAreOfItsTypes(t *testing.T) {
	left := kinds()
	for text := range strings.SplitSeq(read(t, "service", "deploy", "kubernetes.yaml"), "\n---\n") {
		kind, object, err := manifest(text)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		delete(left, kind)
		if d, is := object.(*appsv1.Deployment); is {
			if c := d.Spec.Template.Spec.Containers; len(c) != 1 || c[0].ReadinessProbe == nil || c[0].Resources.Limits.Memory().IsZero() || c[0].Resources.Limits.Cpu().IsZero() {
				t.Error("the container has no probe or no limits")
			}
		}
	}
	if len(left) > 0 {
		t.Errorf("no %v", slices.Sorted(maps.Keys(left)))
	}
}

// The types notice what is wrong: the test above can fail.
func TestAWrongManifestIsNoticed(t *testing.T) {
	text := read(t, "service", "deploy", "kubernetes.yaml")
	documents := strings.Split(text, "\n---\n")
	deployment, network := documents[0], documents[len(documents)-1]
	for _, change := range [][2]string{
		{"readinessProbe:", "readynessProbe:"}, {"replicas: 2", "replicas: two"}, {"cpu: \"1\"", "cpu: one"}, {"runAsUser: 65532", "runAsUser: nobody"},
		{"replicas: 2", "replicas: 2\n  replicas: 3"}, {"periodSeconds: 10", "periodSeconds: 10s"}, {"sizeLimit: 64Mi", "sizeLimit: 64MiB"}, {"automountServiceAccountToken: false", "automountServiceAccountToken: none"},
	} {
		wrong := strings.Replace(deployment, change[0], change[1], 1)
		if wrong == deployment {
			t.Errorf("no %q in the manifest", change[0])
		}
		if _, _, err := manifest(wrong); err == nil {
			t.Errorf("%q is not noticed", change[1])
		}
	}
	for _, change := range [][2]string{
		{"egress:", "egres:"}, {"ipBlock:", "ipblocks:"}, {"except: [", "excepts: ["}, {"policyTypes: [Ingress, Egress]", "policyTypes: Ingress"},
	} {
		wrong := strings.Replace(network, change[0], change[1], 1)
		if _, _, err := manifest(wrong); wrong == network || err == nil {
			t.Errorf("%q is not noticed", change[1])
		}
	}
}

func composeFile(text string) error {
	file := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(text), &file); err != nil {
		return err
	}
	return schema.Validate(file)
}

func TestTheComposeFileIsOfTheSchema(t *testing.T) {
	text := read(t, "service", "deploy", "compose.yaml")
	if err := composeFile(text); err != nil {
		t.Error(err)
	}
	for _, change := range [][2]string{
		{"read_only: true", "read_only: [true]"}, {"mem_limit:", "memory_limit:"}, {"ports:", "ports: 8080\n    expose:"}, {"security_opt: [", "security_opt: no\n    x-y: ["}, {"secrets:\n  session_key:", "keys:\n  session_key:"},
	} {
		wrong := strings.Replace(text, change[0], change[1], 1)
		if wrong == text || composeFile(wrong) == nil {
			t.Errorf("%q is not noticed", change[1])
		}
	}
}

// image reads a Dockerfile as BuildKit does: its instructions by their arguments, and its stages.
func image(text string) ([]instructions.Stage, error) {
	file, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	stages, _, err := instructions.Parse(file.AST, nil)
	return stages, err
}

// The Dockerfile is one for BuildKit, and its last stage has no command that is run, as a distroless one
// has no shell: it copies, sets the user and says what to start.
func TestTheDockerfileIsOneForBuildKit(t *testing.T) {
	text := read(t, "service", "deploy", "Dockerfile")
	stages, err := image(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(stages) != 2 || stages[0].Name != "build" {
		t.Fatalf("%d stages", len(stages))
	}
	kinds := map[string]int{}
	for _, c := range stages[1].Commands {
		kinds[c.Name()]++
		switch c := c.(type) {
		case *instructions.CopyCommand:
			if c.From != "build" {
				t.Errorf("%s copies from %q", c, c.From)
			}
		case *instructions.UserCommand:
			if c.User != "65532:65532" {
				t.Errorf("it runs as %s", c.User)
			}
		case *instructions.EntrypointCommand:
			if c.PrependShell || len(c.CmdLine) == 0 || c.CmdLine[0] != "/reeve-tracker" {
				t.Errorf("it starts %v, by a shell: %t", c.CmdLine, c.PrependShell)
			}
		case *instructions.CmdCommand:
			if c.PrependShell {
				t.Errorf("it starts %v by a shell", c.CmdLine)
			}
		}
	}
	if kinds["RUN"]+kinds["run"] > 0 || kinds["USER"]+kinds["user"] != 1 || kinds["ENTRYPOINT"]+kinds["entrypoint"] != 1 {
		t.Errorf("the last stage has %v", kinds)
	}
	for _, change := range [][2]string{
		{"USER 65532:65532", "USR 65532:65532"}, {"COPY --from=build /reeve", "COPY --form=build /reeve"}, {"EXPOSE 8080 8081", "EXPOSE"},
		{"FROM golang:1.26 AS build", "FROM golang:1.26 AS"}, {"VOLUME /data", "VOLUME"},
	} {
		wrong := strings.Replace(text, change[0], change[1], 1)
		if wrong == text {
			t.Errorf("no %q in the Dockerfile", change[0])
		}
		if _, err := image(wrong); err == nil {
			t.Errorf("%q is not noticed", change[1])
		}
	}
}

// rules are the expressions of a file of rules of Prometheus.
func rules(t *testing.T) (exprs []string) {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string `json:"name"`
			Rules []struct {
				Record      string            `json:"record,omitempty"`
				Alert       string            `json:"alert,omitempty"`
				Expr        string            `json:"expr"`
				For         string            `json:"for,omitempty"`
				Labels      map[string]string `json:"labels,omitempty"`
				Annotations map[string]string `json:"annotations,omitempty"`
			} `json:"rules"`
		} `json:"groups"`
	}
	if err := yaml.UnmarshalStrict([]byte(read(t, "observability", "rules.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if (r.Record == "") == (r.Alert == "") || r.Record != "" && r.For != "" {
				t.Errorf("%q %q is neither a recording nor an alert", r.Record, r.Alert)
			}
			exprs = append(exprs, r.Expr)
		}
	}
	return exprs
}

// dashboards are the expressions of the dashboard, its variables replaced as Grafana does.
func dashboards(t *testing.T) (exprs []string) {
	t.Helper()
	var file struct {
		Panels []struct {
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.NewDecoder(bytes.NewReader([]byte(read(t, "observability", "dashboard.json")))).Decode(&file); err != nil {
		t.Fatal(err)
	}
	variable := regexp.MustCompile(`\$__[a-z_]+`)
	for _, p := range file.Panels {
		for _, target := range p.Targets {
			exprs = append(exprs, variable.ReplaceAllString(target.Expr, "5m"))
		}
	}
	return exprs
}

func TestEveryExpressionIsPromQL(t *testing.T) {
	p := promql.NewParser(promql.Options{})
	all := append(rules(t), dashboards(t)...)
	if len(all) < 15 {
		t.Fatalf("%d expressions", len(all))
	}
	for _, expr := range all {
		if _, err := p.ParseExpr(expr); err != nil {
			t.Errorf("%s: %v", expr, err)
		}
	}
	for _, wrong := range []string{"sum(rate(reeve_decisions_total[5m])", "rate(reeve_decisions_total)", "sum by outcome (x)", "histogram_quantile(x)"} {
		if _, err := p.ParseExpr(wrong); err == nil {
			t.Errorf("%s is not noticed", wrong)
		}
	}
}
