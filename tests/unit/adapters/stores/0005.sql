BEGIN TRANSACTION;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL);
INSERT INTO "alembic_version" VALUES('0005');
CREATE TABLE attempts (
	trial_id VARCHAR(96) NOT NULL, 
	attempt INTEGER NOT NULL, 
	host VARCHAR(128), 
	started FLOAT NOT NULL, 
	ended FLOAT, 
	outcome VARCHAR(16), 
	detail TEXT NOT NULL, 
	seconds FLOAT, 
	gpus FLOAT NOT NULL, 
	CONSTRAINT pk_attempts PRIMARY KEY (trial_id, attempt), 
	CONSTRAINT fk_attempts_trial_id FOREIGN KEY(trial_id) REFERENCES trials (id)
);
INSERT INTO "attempts" VALUES('f3c1cd19-0',1,'host-1',1.79606430970330095296e+09,1.79606430976091504094e+09,'done','',5.73356319998765684431e-02,0.0);
INSERT INTO "attempts" VALUES('f3c1cd19-1',1,'host-1',1.79606431004851102833e+09,1.79606431015900969505e+09,'done','',1.10395525000058114528e-01,0.0);
INSERT INTO "attempts" VALUES('f3c1cd19-2',1,'host-1',1.79606431010179114346e+09,1.79606431019832444196e+09,'stopped','stopped early at step 0 of about 2, rung 1 of 1',9.62254300000040529994e-02,0.0);
INSERT INTO "attempts" VALUES('f3c1cd19-3',1,'host-1',1.79606431017846465106e+09,1.79606431026528763766e+09,'done','',0.0864014590001716,0.0);
INSERT INTO "attempts" VALUES('f3c1cd19-4',1,'host-1',1.79606431026650667191e+09,1.79606431031792259213e+09,'done','',5.0832706999926813296e-02,0.0);
INSERT INTO "attempts" VALUES('f3c1cd19-5',1,'host-1',1.79606431031923627849e+09,1.79606431036174607278e+09,'done','',0.0423432560000947,0.0);
INSERT INTO "attempts" VALUES('f3c1cd19-6',1,'host-1',1.79606431061360621447e+09,1.79606431070254468924e+09,'done','',0.0888438669999232,0.0);
INSERT INTO "attempts" VALUES('f3c1cd19-7',1,'host-1',1.79606431064470100397e+09,1.79606431068947386747e+09,'done','',4.41027930000927881337e-02,0.0);
INSERT INTO "attempts" VALUES('72e350c3-0',1,'host-1',1.79606433180097365374e+09,1.79606433198332524295e+09,'done','',1.8172622599990972958e-01,0.0);
INSERT INTO "attempts" VALUES('72e350c3-1',1,'host-1',1.7960643318398230076e+09,1.79606433202849936478e+09,'done','',1.83995784999979150597e-01,0.0);
INSERT INTO "attempts" VALUES('72e350c3-2',1,'host-1',1.79606433200489163399e+09,NULL,NULL,'',NULL,0.0);
INSERT INTO "attempts" VALUES('72e350c3-3',1,'host-1',1.7960643320470421314e+09,NULL,NULL,'',NULL,0.0);
CREATE TABLE hosts (
	host VARCHAR(128) NOT NULL, 
	reason TEXT NOT NULL, 
	since FLOAT NOT NULL, 
	CONSTRAINT pk_hosts PRIMARY KEY (host)
);
INSERT INTO "hosts" VALUES('host-9','its last 4 trials failed in a row',1.79606436892406272883e+09);
CREATE TABLE priors (
	study_id VARCHAR(64) NOT NULL, 
	number INTEGER NOT NULL, 
	source VARCHAR(255) NOT NULL, 
	params JSON NOT NULL, 
	value FLOAT NOT NULL, 
	CONSTRAINT pk_priors PRIMARY KEY (study_id, number), 
	CONSTRAINT fk_priors_study_id FOREIGN KEY(study_id) REFERENCES studies (id)
);
INSERT INTO "priors" VALUES('72e350c3',0,'by hand','{"x": 0.5, "layers": 3, "solver": "adam"}',0.25);
CREATE TABLE rounds (
	study_id VARCHAR(64) NOT NULL, 
	"index" INTEGER NOT NULL, 
	data JSON NOT NULL, 
	computed_from JSON NOT NULL, 
	created FLOAT NOT NULL, 
	run_id VARCHAR(64), 
	CONSTRAINT pk_rounds PRIMARY KEY (study_id, "index"), 
	CONSTRAINT fk_rounds_study_id FOREIGN KEY(study_id) REFERENCES studies (id)
);
INSERT INTO "rounds" VALUES('f3c1cd19',0,'{"index": 0, "box": {"x": [0.0, 1.0], "layers": [0.0, 1.0], "solver": {"choices": ["sgd", "adam"]}}, "kind": "start", "reason": "The first trials spread evenly over the whole space.", "changes": {"x": "kept", "layers": "kept", "solver": "kept"}, "parent": null, "support": [], "results": 0, "best": null, "incumbent": null, "memory": {}, "edges": {}}','[]',1.79606430963480496404e+09,'f33d04e7b7a642028fd4cc58d38692b4');
INSERT INTO "rounds" VALUES('f3c1cd19',1,'{"index": 1, "box": {"x": [0.0, 0.12886572757735845], "layers": [0.0, 1.0], "solver": {"choices": ["sgd", "adam"]}}, "kind": "shrink", "reason": "Of the first 8 trials, trial 6 (1.13e-06) is the best; the box narrows around it, most in x to [0.001, 0.00244]; in x the best one (6) sits at the study''s own lower bound 0.001.", "changes": {"x": "narrowed to [0.001, 0.00244], 13% of before; the best trial (6) sits at the study''s own lower bound 0.001", "layers": "kept", "solver": "kept"}, "parent": 0, "support": [6, 1, 5], "results": 8, "best": 1.1303016601118048e-06, "incumbent": 6, "memory": {"length": 0.8, "mark": 8, "ties": 1, "kernels": {"power": {"lengths": [0.250612, 1.998064, 1.514198], "noise": 0.0010064749473098818}, "log": {"lengths": [0.467835, 3.828818, 2.668227], "noise": 0.0008674826945102618}, "ranks": {"lengths": [0.314054, 1.407734, 1.415942], "noise": 0.0010045361149618587}}}, "edges": {"x": "at the study''s own lower bound"}}','[["f3c1cd19-0", null], ["f3c1cd19-1", null], ["f3c1cd19-2", null], ["f3c1cd19-3", null], ["f3c1cd19-4", null], ["f3c1cd19-5", null], ["f3c1cd19-6", null], ["f3c1cd19-7", null]]',1.79606431143751287459e+09,'2a4edc401e8f40a799cac17e069fe039');
INSERT INTO "rounds" VALUES('72e350c3',0,'{"index": 0, "box": {"x": [0.0, 1.0], "layers": [0.0, 1.0], "solver": {"choices": ["sgd", "adam"]}}, "kind": "start", "reason": "The first trials spread evenly over the whole space.", "changes": {"x": "kept", "layers": "kept", "solver": "kept"}, "parent": null, "support": [], "results": 0, "best": null, "incumbent": null, "memory": {}, "edges": {}}','[]',1.79606433169528555866e+09,NULL);
CREATE TABLE studies (
	id VARCHAR(64) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason TEXT NOT NULL, 
	source TEXT NOT NULL, 
	filename VARCHAR(255) NOT NULL, 
	folder TEXT, 
	code_version VARCHAR(255), 
	user VARCHAR(255), 
	created FLOAT NOT NULL, 
	ended FLOAT, 
	importance JSON, 
	experiment_id VARCHAR(64), 
	run_id VARCHAR(64), 
	closed BOOLEAN NOT NULL, 
	primed BOOLEAN NOT NULL, 
	branched_from VARCHAR(64), 
	branched_round INTEGER, 
	notes JSON NOT NULL, 
	rebuilt INTEGER NOT NULL, 
	CONSTRAINT pk_studies PRIMARY KEY (id)
);
INSERT INTO "studies" VALUES('f3c1cd19','bowl','297274ab9c2c3342d5e33f1088e87ca3dc35c2c0ac19d5be40a68237834e82e3','done','','name: bowl
metric: {name: loss, goal: minimize}
trainer: {function: "bowl:train"}
space:
  x: {type: float, low: 0.001, high: 1.0, scale: log}
  layers: {type: int, low: 1, high: 8}
  solver: {type: categorical, choices: [sgd, adam]}
budget: {trials: 8}
','study.yaml','/home/ada/study',NULL,'ada',1.79606430963480496404e+09,1.79606431095952725411e+09,'[{"name": "x", "share": 0.5455248861581713, "tier": null, "verdict": "measured first of three"}, {"name": "solver", "share": 0.44908786417933366, "tier": null, "verdict": "measured second of three"}, {"name": "layers", "share": 0.005387249662494975, "tier": 3, "verdict": "declared tier 3, measured third of three"}]','1','7eb7e19790ac4b5982cb00a6f1461eab',1,1,NULL,NULL,'[]',0);
INSERT INTO "studies" VALUES('72e350c3','second','5626a0f7828a195c6c83a6f2bd49874236c62d66c858077d910c8e6ce1a7648a','paused','','name: second
metric: {name: loss, goal: minimize}
trainer: {function: "slow:train"}
space:
  x: {type: float, low: 0.001, high: 1.0, scale: log}
  layers: {type: int, low: 1, high: 8}
  solver: {type: categorical, choices: [sgd, adam]}
budget: {trials: 6}
','second.yaml','/home/ada/study',NULL,'ada',1.79606433169528555866e+09,NULL,'null',NULL,NULL,0,1,NULL,NULL,'[]',0);
CREATE TABLE trials (
	id VARCHAR(96) NOT NULL, 
	study_id VARCHAR(64) NOT NULL, 
	number INTEGER NOT NULL, 
	round INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	attempt INTEGER NOT NULL, 
	crashes INTEGER NOT NULL, 
	lost INTEGER NOT NULL, 
	params JSON NOT NULL, 
	seed INTEGER NOT NULL, 
	value FLOAT, 
	metrics JSON NOT NULL, 
	steps INTEGER NOT NULL, 
	nonce VARCHAR(64), 
	host VARCHAR(128), 
	incarnation VARCHAR(64), 
	slot INTEGER, 
	created FLOAT NOT NULL, 
	started FLOAT, 
	ended FLOAT, 
	seconds FLOAT, 
	error TEXT NOT NULL, 
	output TEXT NOT NULL, 
	run_id VARCHAR(64), 
	shipped BOOLEAN NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	repeats INTEGER, 
	violation FLOAT NOT NULL, 
	curve JSON NOT NULL, 
	stop_asked BOOLEAN NOT NULL, 
	gpu VARCHAR(128), 
	CONSTRAINT pk_trials PRIMARY KEY (id), 
	CONSTRAINT uq_trials_study_id_number UNIQUE (study_id, number), 
	CONSTRAINT fk_trials_study_id FOREIGN KEY(study_id) REFERENCES studies (id)
);
INSERT INTO "trials" VALUES('f3c1cd19-0','f3c1cd19',0,0,'done',1,0,0,'{"x": 0.10169439678871389, "layers": 3, "solver": "sgd"}',1446583109,1.03417503382203825046e-02,'{}',3,'ab56066a4f7941e79a940e5b8a760dd8','host-1','2ab578db41ba443ba1030be2622535c8',1,1.79606430966635060306e+09,1.79606430970330095296e+09,1.79606430976091504094e+09,2.46110660000340430997e-02,'','','177448a955644afeb0b2c9e97565093c',1,'search',NULL,0.0,'[[0, 0.010341750338220383], [2, 2.0103417503382204]]',0,NULL);
INSERT INTO "trials" VALUES('f3c1cd19-1','f3c1cd19',1,0,'done',1,0,0,'{"x": 0.0036637757044868887, "layers": 8, "solver": "adam"}',2005510037,1.34232524127883975581e-05,'{}',3,'3503ea5d1bc945cb90f3923c23424134','host-1','2ab578db41ba443ba1030be2622535c8',1,1.79606431001699829103e+09,1.79606431004851102833e+09,1.79606431015900969505e+09,6.33105869999326387187e-02,'','','5414b225b69c4d73957f94b5c47cce1d',1,'search',NULL,0.0,'[[0, 1.3423252412788398e-05], [2, 2.0000134232524127]]',0,NULL);
INSERT INTO "trials" VALUES('f3c1cd19-2','f3c1cd19',2,0,'stopped',1,0,0,'{"x": 0.02575916463827695, "layers": 2, "solver": "sgd"}',1234457838,2.00066353456286183387e+00,'{}',3,'be58a8b602834779a594e439358e127b','host-1','2ab578db41ba443ba1030be2622535c8',0,1.79606431005683684354e+09,1.79606431010179114346e+09,1.79606431019832444196e+09,5.63239649998195091029e-02,'stopped early at step 0 of about 2, rung 1 of 1','','62bc278ba0f04b2bbb796b5e66298183',1,'search',NULL,0.0,'[[0, 0.0006635345628618576], [2, 2.000663534562862]]',0,NULL);
INSERT INTO "trials" VALUES('f3c1cd19-3','f3c1cd19',3,0,'done',1,0,0,'{"x": 0.4597358782267502, "layers": 5, "solver": "adam"}',996794743,2.11357077728921316506e-01,'{}',3,'3a81643e58a54157be7ca11959f86057','host-1','2ab578db41ba443ba1030be2622535c8',1,1796064310.13047,1.79606431017846465106e+09,1.79606431026528763766e+09,4.87686000001303909812e-02,'','','1c25413a45534bc3a7c8be206a863124',1,'search',NULL,0.0,'[[0, 0.21135707772892132], [2, 2.2113570777289215]]',0,NULL);
INSERT INTO "trials" VALUES('f3c1cd19-4','f3c1cd19',4,0,'done',1,0,0,'{"x": 0.2844723596551716, "layers": 1, "solver": "adam"}',611851748,8.09245234077812930495e-02,'{}',3,'6138ff31f2044a06b21af5ff5bd22e2c','host-1','2ab578db41ba443ba1030be2622535c8',1,1.79606431018560433387e+09,1.79606431026650667191e+09,1.79606431031792259213e+09,2.1033051999893359607e-02,'','','f293c6e854c04a0aa04ed5911c3055b9',1,'search',NULL,0.0,'[[0, 0.08092452340778129], [2, 2.080924523407781]]',0,NULL);
INSERT INTO "trials" VALUES('f3c1cd19-5','f3c1cd19',5,0,'done',1,0,0,'{"x": 0.0074123390394087, "layers": 6, "solver": "sgd"}',1711670227,5.49427700351422888596e-05,'{}',3,'345471913d024fbf8e77f01208f5c2d5','host-1','2ab578db41ba443ba1030be2622535c8',1,1.79606431027539610858e+09,1.79606431031923627849e+09,1.79606431036174607278e+09,2.41992409999056690139e-02,'','','d4f8b87e6acd4b39a0670618db40719c',1,'search',NULL,0.0,'[[0, 5.494277003514229e-05], [2, 2.000054942770035]]',0,NULL);
INSERT INTO "trials" VALUES('f3c1cd19-6','f3c1cd19',6,0,'done',1,0,0,'{"x": 0.0010631564607863722, "layers": 4, "solver": "adam"}',1405952615,1.13030166011180484471e-06,'{}',3,'b995c516b506400882d1dfc55305bfbb','host-1','2ab578db41ba443ba1030be2622535c8',1,1.79606431059333896639e+09,1.79606431061360621447e+09,1.79606431070254468924e+09,5.73242709999703947687e-02,'','','dc27401b4631446b9c292ad76c802425',1,'search',NULL,0.0,'[[0, 1.1303016601118048e-06], [2, 2.0000011303016603]]',0,NULL);
INSERT INTO "trials" VALUES('f3c1cd19-7','f3c1cd19',7,0,'done',1,0,0,'{"x": 0.06218810614719876, "layers": 7, "solver": "sgd"}',368560125,0.00386736054617526,'{}',3,'7a4cb661ee2f4cf5acab0c75a2e154a8','host-1','2ab578db41ba443ba1030be2622535c8',0,1.79606431060535669331e+09,1.79606431064470100397e+09,1.79606431068947386747e+09,2.82989730001190764596e-02,'','','0df808485ec04fca8396fbb7757ff699',1,'search',NULL,0.0,'[[0, 0.00386736054617526], [2, 2.003867360546175]]',0,NULL);
INSERT INTO "trials" VALUES('72e350c3-0','72e350c3',0,0,'done',1,0,0,'{"x": 0.10169439678871389, "layers": 3, "solver": "sgd"}',1446583109,1.0169439678871389221e-01,'{}',1,'317fab7c93d646918e30ba14c85bb519','host-1','24fc283a10cb4503a466740139ac773a',1,1.79606433173372602462e+09,1.79606433180097365374e+09,1.79606433198332524295e+09,1.40398823999930755235e-01,'','',NULL,0,'search',NULL,0.0,'[[0, 1.0]]',0,NULL);
INSERT INTO "trials" VALUES('72e350c3-1','72e350c3',1,0,'done',1,0,0,'{"x": 0.0036637757044868887, "layers": 8, "solver": "adam"}',2005510037,3.66377570448688872142e-03,'{}',1,'77d0c29e30e545b18dc2c8e99817651b','host-1','24fc283a10cb4503a466740139ac773a',0,1.79606433181892180444e+09,1.7960643318398230076e+09,1.79606433202849936478e+09,1.27382036999961201217e-01,'','',NULL,0,'search',NULL,0.0,'[[0, 1.0]]',0,NULL);
INSERT INTO "trials" VALUES('72e350c3-2','72e350c3',2,0,'running',1,0,0,'{"x": 0.02575916463827695, "layers": 2, "solver": "sgd"}',1234457838,NULL,'{}',0,'371f39a682ed4486a1c20ed61657ed6a','host-1','24fc283a10cb4503a466740139ac773a',1,1.79606433184585762017e+09,1.79606433200489163399e+09,NULL,NULL,'','',NULL,0,'search',NULL,0.0,'[]',0,NULL);
INSERT INTO "trials" VALUES('72e350c3-3','72e350c3',3,0,'running',1,0,0,'{"x": 0.4597358782267502, "layers": 5, "solver": "adam"}',996794743,NULL,'{}',0,'d379023a4cd6408aa32aded66a36db48','host-1','24fc283a10cb4503a466740139ac773a',0,1.79606433201917362217e+09,1.7960643320470421314e+09,NULL,NULL,'','',NULL,0,'search',NULL,0.0,'[]',0,NULL);
INSERT INTO "trials" VALUES('72e350c3-4','72e350c3',4,0,'dispatched',1,0,0,'{"x": 0.2844723596551716, "layers": 1, "solver": "adam"}',611851748,NULL,'{}',0,NULL,NULL,NULL,NULL,1.79606433205747890472e+09,NULL,NULL,NULL,'','',NULL,0,'search',NULL,0.0,'[]',0,NULL);
CREATE INDEX ix_studies_fingerprint ON studies (fingerprint);
CREATE INDEX ix_studies_state ON studies (state);
CREATE INDEX ix_trials_study_id_state_number ON trials (study_id, state, number);
CREATE INDEX ix_trials_study_id_ended ON trials (study_id, ended);
CREATE INDEX ix_trials_best ON trials (study_id, value) WHERE state = 'done';
CREATE INDEX ix_trials_study_id_shipped_ended ON trials (study_id, shipped, ended);
COMMIT;
