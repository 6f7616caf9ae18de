/**
 * The gRPC door's interface: `weft.v1`. Clients get it by reflection, or from `GET /weft/v1/weft.proto`. Objects, lists and events are JSON texts, the same
 * ones as over HTTP.
 */
export const WEFT_PROTO = `syntax = "proto3";

package weft.v1;

// Resources by the verbs of HTTP.
service Resources {
  rpc Create(CreateRequest) returns (Answer);
  rpc Get(GetRequest) returns (Answer);
  rpc List(ListRequest) returns (Answer);
  rpc Update(UpdateRequest) returns (Answer);
  rpc Patch(PatchRequest) returns (Answer);
  rpc Delete(DeleteRequest) returns (Answer);
  rpc Watch(WatchRequest) returns (stream WatchEvent);
}

// What happened and what happens.
service Events {
  rpc Follow(FollowRequest) returns (stream Event);
}

// What became of resources.
service History {
  // Each change of one resource: when, who, what differed, what caused it, what followed.
  rpc Changes(ChangesRequest) returns (Answer);
  // What of a resource, a namespace or a kind differs between two moments.
  rpc Diff(DiffRequest) returns (Answer);
}

// The log itself.
service Log {
  // A range of it, behind "from" (empty: the start) up to "to" (empty: what is there now). It ends there.
  rpc Read(FollowRequest) returns (stream Event);
  // Where it ends: store, position, cursor and time of the last event, as JSON.
  rpc Head(HeadRequest) returns (Answer);
}

// What becomes of packets, since when, and by whose command.
service Explain {
  // The way of a packet, now or then, and what decides each step.
  rpc Trace(TraceRequest) returns (Answer);
  // Each change of its verdict, the newest first.
  rpc Blame(BlameRequest) returns (Answer);
  // Which hosts a change concerns and which have it; without one: what is on its way.
  rpc Convergence(ConvergenceRequest) returns (Answer);
  // What staged policies would have refused.
  rpc Staged(StagedRequest) returns (Answer);
}

// What a change would do, before it is made.
service Plans {
  // {"manifests": [...], "delete": [...]}: answers with the plan.
  rpc Make(PlanRequest) returns (Answer);
  // The plan: carries it out if it would still do the same.
  rpc Apply(PlanRequest) returns (Answer);
}

// What a request is about.
message Target {
  // Empty for core v1.
  string group = 1;
  // Empty: the one that is served, and then resource may be a kind, a singular or a short name as well.
  string version = 2;
  // networks, networkinterfaces, ...
  string resource = 3;
  // Empty for what is in no namespace, and for lists of all.
  string namespace = 4;
  string name = 5;
  // "status", or empty.
  string subresource = 6;
}

message WriteOptions {
  bool dry_run = 1;
  string field_manager = 2;
  // Ignore, Warn or Strict.
  string field_validation = 3;
  // Of an apply: takes fields from other managers.
  bool force = 4;
}

message CreateRequest {
  Target target = 1;
  string json = 2;
  WriteOptions options = 3;
}

message UpdateRequest {
  Target target = 1;
  string json = 2;
  WriteOptions options = 3;
}

message PatchRequest {
  Target target = 1;
  string json = 2;
  // A media type: application/merge-patch+json, application/json-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml.
  string type = 3;
  WriteOptions options = 4;
}

message GetRequest {
  Target target = 1;
  string resource_version = 2;
  // What was shown at a position of the log, or at a time (RFC 3339).
  string at = 3;
  // Of an object that is served in parts; 0 is the first.
  uint32 part = 4;
}

message ListRequest {
  Target target = 1;
  string label_selector = 2;
  string field_selector = 3;
  uint32 limit = 4;
  string continue = 5;
  string resource_version = 6;
  // What was shown at a position of the log, or at a time (RFC 3339).
  string at = 7;
}

message ChangesRequest {
  Target target = 1;
  // At most so many, the newest; 0: 100.
  uint32 limit = 2;
  // Those before this position (decimal).
  string before = 3;
}

message DiffRequest {
  // Without a name all of a namespace; without that all of a kind.
  Target target = 1;
  // A position, a resourceVersion, or a time.
  string from = 2;
  // Empty: now.
  string to = 3;
}

message HeadRequest {
}

message DeleteRequest {
  Target target = 1;
  // DeleteOptions, or empty.
  string json = 2;
}

message PlanRequest {
  string json = 1;
}

message Answer {
  // The object, the list, or, of a deletion that ended the object, a Status.
  string json = 1;
  repeated string warnings = 2;
  // The request had been carried out before, under the same idempotency-key.
  bool repeated_request = 3;
}

message WatchRequest {
  Target target = 1;
  string label_selector = 2;
  string field_selector = 3;
  string resource_version = 4;
  bool bookmarks = 5;
  uint32 timeout_seconds = 6;
}

message WatchEvent {
  // ADDED, MODIFIED, DELETED, BOOKMARK or ERROR.
  string type = 1;
  // The object; of an ERROR a Status.
  string json = 2;
}

message FollowRequest {
  // An id, a resourceVersion, a time (RFC 3339), or 0 for the start. Empty: from now on.
  string from = 1;
  // Of each list one; empty: any.
  repeated string kinds = 2;
  repeated string namespaces = 3;
  repeated string names = 4;
  repeated string types = 5;
  string label_selector = 6;
  // "2/5": the second of five parts of all resources.
  string share = 7;
  // A checkpoint to begin behind, if it is there.
  string checkpoint = 8;
  // Ends once everything there is was told.
  bool until_caught_up = 9;
  // Ends behind this one: an id, a resourceVersion, or a time.
  string to = 10;
  // Events come many to a message (Event.events), which costs both sides far less.
  bool batched = 11;
}

message Event {
  enum What {
    EVENT = 0;
    // Everything there is has been told.
    CAUGHT_UP = 1;
    // How far the log was read.
    PROGRESS = 2;
  }
  What what = 1;
  // What comes after this is asked for by it.
  string id = 2;
  // The CloudEvent; of the others their position.
  string json = 3;
  // To whom asked for "batched": these, in order, and nothing else in this message.
  repeated Event events = 4;
}

message Packet {
  // nic/default/web-0, an address, internet:203.0.113.7; a port behind a colon.
  string from = 1;
  string to = 2;
  // tcp (default), udp, sctp or icmp.
  string protocol = 3;
  // 0: any.
  uint32 source_port = 4;
  // 0: 64.
  uint32 hop_limit = 5;
}

message TraceRequest {
  Packet packet = 1;
  // A position or a time. Empty: now.
  string at = 2;
  // "applied": also what hosts had acknowledged.
  string reading = 3;
  // Also sends a marked probe through the kernels, and keeps it back before a guest.
  bool live = 4;
  // Of a live probe: to the guest.
  bool deliver = 5;
}

message BlameRequest {
  Packet packet = 1;
  // As it would have been answered then: a position or a time. Empty: now.
  string at = 2;
  // Only changes behind this: a position or a time.
  string since = 3;
  // Only changes before this position.
  string before = 4;
  // 0: 20.
  uint32 limit = 5;
  // Also the fewest commands without which it would fare otherwise.
  bool why = 6;
}

message ConvergenceRequest {
  // One of these. network/default/web: its last change.
  string object = 1;
  string position = 2;
  string correlation = 3;
  // "applied" (default) or "derived": what to wait for.
  string goal = 4;
  // How long to wait, 300 at most. 0: answer as it is now.
  uint32 timeout_seconds = 5;
}

message StagedRequest {
  // <namespace>/<name>. Empty: all.
  string policy = 1;
  // Of all: those of this namespace.
  string namespace = 2;
}

// In the details of every error: the Status that HTTP answers with.
message StatusDetail {
  string json = 1;
}
`;

/** Health, as load balancers ask for it. */
export const HEALTH_PROTO = `syntax = "proto3";

package grpc.health.v1;

message HealthCheckRequest {
  string service = 1;
}

message HealthCheckResponse {
  enum ServingStatus {
    UNKNOWN = 0;
    SERVING = 1;
    NOT_SERVING = 2;
    SERVICE_UNKNOWN = 3;
  }
  ServingStatus status = 1;
}

service Health {
  rpc Check(HealthCheckRequest) returns (HealthCheckResponse);
}
`;

/** How errors carry details: google.rpc.Status, of which the last field is google.protobuf.Any. */
export const ERROR_PROTO = `syntax = "proto3";

package google.rpc;

message Any {
  string type_url = 1;
  bytes value = 2;
}

message Status {
  int32 code = 1;
  string message = 2;
  repeated Any details = 3;
}
`;
