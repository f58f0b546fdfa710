package authzen

import "encoding/json"

// describe makes the metadata, of which clients take the addresses of what is answered.
func (h *Handler) describe() error {
	if h.cfg.Identifier == "" {
		return nil
	}
	names := map[string]string{
		PathEvaluation: "access_evaluation_endpoint", PathEvaluations: "access_evaluations_endpoint",
		PathSearchSubject: "search_subject_endpoint", PathSearchResource: "search_resource_endpoint", PathSearchAction: "search_action_endpoint",
	}
	document := map[string]string{"policy_decision_point": h.cfg.Identifier}
	for _, path := range h.paths() {
		document[names[path]] = h.cfg.Identifier + path
	}
	text, err := json.Marshal(document)
	h.metadata = string(text)
	return err
}
